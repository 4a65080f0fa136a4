// Shared by the shading passes: where a pixel is, and light from the environment.
uniform vec2 size;
uniform vec2 jitter;
uniform vec3 eye;
uniform mat4 ray_of;  // pixel to direction in the world, of length 1 along the view axis

uniform sampler2D albedo_map;
uniform sampler2D normal_map;
uniform sampler2D motion_map;
uniform sampler2D half_map;  // depth, half as large
uniform sampler2D open_map;  // half as large
uniform sampler2D environment;
uniform float roughest;  // level of the environment that is as rough as can be

const float PI = 3.14159265;

// What depth marks a pixel for the passes of glossy surfaces, so that the test of depth leaves the others out: renderers in
// software would compute both sides of an `if` for all.
float glossy(float roughness) {
    return roughness < 0.5 ? 1.0 : 0.0;
}

vec3 ray(vec2 pixel) {
    return (ray_of * vec4(pixel + jitter, 1.0, 0.0)).xyz;
}

vec3 radiance(vec3 way, float roughness) {
    float around = atan(way.y, way.x) / (2.0 * PI);
    vec2 place = vec2(0.5 - around, 0.5 - asin(clamp(way.z, -1.0, 1.0)) / PI);
    return textureLod(environment, place, roughness * roughest).rgb;
}

// How much of the light from a mirror's direction comes back (Karis 2014, after Lazarov).
vec3 mirrored(vec3 facing, float roughness, float cosine) {
    vec4 r = roughness * vec4(-1.0, -0.0275, -0.572, 0.022) + vec4(1.0, 0.0425, 1.04, -0.04);
    float a = min(r.x * r.x, exp2(-9.28 * cosine)) * r.x + r.y;
    vec2 scale = vec2(-1.04, 1.04) * a + r.zw;
    return facing * scale.x + scale.y;
}

// What of the environment's mirror image is not hidden by things close by; less is hidden of it than of the whole sky.
float sees_sky(float open) {
    return open * (2.0 - open);
}
