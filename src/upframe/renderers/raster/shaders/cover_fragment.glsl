// What of a surface with holes is there: its depth alone. Renderers in software test the depth of a shader that discards last, and so
// would compute all of a hidden leaf; what is left is drawn by the geometry pass where the depth is equal.
uniform float bias;  // of the texture level
uniform sampler2D colour_map;

in vec2 texture_place;

void main() {
    if (texture(colour_map, texture_place, bias).a < 0.4) discard;
}
