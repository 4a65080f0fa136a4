// How much of the sky is open, at half the size (ambient occlusion, McGuire 2011): eight places around, up to 0.7 m away.
uniform float focal;  // pixels of one metre, one metre away

out vec4 open;

void main() {
    ivec2 here = ivec2(gl_FragCoord.xy), pixel = here * 2;
    float depth = texelFetch(half_map, here, 0).r, hidden = 0.0;
    vec3 offset = ray(vec2(pixel) + 0.5) * depth, normal = texelFetch(normal_map, pixel, 0).xyz;
    float reach = clamp(0.7 * focal / depth, 2.0, 0.12 * size.y);
    for (int i = 0; i < 8; ++i) {
        float angle = 2.39996 * float(i) + 0.4;
        vec2 there = vec2(pixel) + 0.5 + reach * sqrt((float(i) + 0.6) / 8.0) * vec2(cos(angle), sin(angle));
        vec2 inside = floor(clamp(there, vec2(0.5), size - 0.5) * 0.5) * 2.0;
        float other = texelFetch(half_map, ivec2(inside) / 2, 0).r;
        vec3 apart = other > 1e6 ? vec3(0.0) : ray(inside + 0.5) * other - offset;
        float away = dot(apart, apart);
        hidden += max(dot(apart, normal) - 0.02 - 0.001 * depth, 0.0) / (away + 0.01) * max(1.0 - away / 1.2, 0.0);
    }
    open = vec4(depth > 1e6 ? 1.0 : clamp(1.0 - hidden * 0.42, 0.12, 1.0));
}
