// Depth as the sun sees it.
uniform mat4 to_sun;

in vec3 position;
in mat4 model;
#ifdef HOLES
in vec2 uv;
out vec2 texture_place;
#endif

void main() {
#ifdef HOLES
    texture_place = uv;
#endif
    gl_Position = to_sun * (model * vec4(position, 1.0));
}
