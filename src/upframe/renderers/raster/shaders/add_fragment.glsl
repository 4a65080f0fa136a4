// One sample of several.
uniform float weight;
uniform sampler2D lit_map;

out vec4 colour;

void main() {
    colour = max(texelFetch(lit_map, ivec2(gl_FragCoord.xy), 0), 0.0) * weight;
}
