// Vertices of all instances of one mesh. Clip space has y down, so that row 0 of a buffer is the top of the picture.
uniform mat4 clip_now;
uniform mat4 clip_before;
uniform vec2 shift;  // of the picture against the sample grid, in clip units: -2 * jitter / size

in vec3 position;
in vec3 normal;
in vec2 uv;
in mat4 model;
in mat4 model_before;

out vec3 world_position;
out vec3 world_normal;
out vec2 texture_place;
out vec3 before;  // x, y, w one frame ago

void main() {
    vec4 world = model * vec4(position, 1.0);
    vec4 old = clip_before * (model_before * vec4(position, 1.0));
    mat3 m = mat3(model);
    mat3 cofactors = mat3(cross(m[1], m[2]), cross(m[2], m[0]), cross(m[0], m[1]));
    world_position = world.xyz;
    world_normal = cofactors * normal;
    texture_place = uv;
    before = old.xyw;
    gl_Position = clip_now * world;
    gl_Position.xy += shift * gl_Position.w;
}
