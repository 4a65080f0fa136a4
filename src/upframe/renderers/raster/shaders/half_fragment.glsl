// Every other pixel of every other row: its depth, and in the depth buffer whether it is glossy.
out float depth;

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy) * 2;
    depth = texelFetch(motion_map, pixel, 0).b;
    gl_FragDepth = glossy(texelFetch(normal_map, pixel, 0).a);
}
