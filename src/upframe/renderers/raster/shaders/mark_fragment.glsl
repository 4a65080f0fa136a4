// Marks glossy surfaces in the depth of the passes that come.
void main() {
    gl_FragDepth = glossy(texelFetch(normal_map, ivec2(gl_FragCoord.xy), 0).a);
}
