#ifdef HOLES
uniform sampler2D colour_map;

in vec2 texture_place;
#endif

void main() {
#ifdef HOLES
    if (texture(colour_map, texture_place).a < 0.4) discard;
#endif
}
