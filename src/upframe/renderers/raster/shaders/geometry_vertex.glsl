// Vertices of all instances of one mesh. Clip space has y down, so that row 0 of a buffer is the top of the image.
uniform mat4 clip_now;
uniform mat4 clip_before;
uniform vec2 shift;  // of the image against the sample grid, in clip units: -2 * jitter / size

in vec3 position;
in vec3 normal;
#ifdef TEXTURE
in vec2 uv;
#endif
in mat4 model;
in mat4 model_before;
in vec4 colour_and_roughness;
in vec3 metallic_emission_sides;

invariant gl_Position;  // two passes must find the same depth

out vec3 world_position;
out vec3 world_normal;
#ifdef TEXTURE
out vec2 texture_place;
#endif
out vec3 before;  // x, y, w one frame ago
flat out vec4 colour;  // a: roughness
flat out vec3 finish;  // metallic, emission, two-sided

void main() {
    vec4 world = model * vec4(position, 1.0);
    vec4 old = clip_before * (model_before * vec4(position, 1.0));
    mat3 m = mat3(model);
    mat3 cofactors = mat3(cross(m[1], m[2]), cross(m[2], m[0]), cross(m[0], m[1]));
    world_position = world.xyz;
    world_normal = cofactors * normal;
#ifdef TEXTURE
    texture_place = uv;
#endif
    colour = colour_and_roughness;
    finish = metallic_emission_sides;
    before = old.xyw;
    gl_Position = clip_now * world;
    gl_Position.xy += shift * gl_Position.w;
}
