// Where nothing is: the motion of the sky by the turning of the camera.
uniform vec2 size;
uniform vec2 jitter;
uniform mat4 ray_of;        // pixel to direction in the world
uniform mat4 clip_before;

layout(location = 0) out vec4 out_albedo;
layout(location = 1) out vec4 out_normal;
layout(location = 2) out vec4 out_motion;

void main() {
    vec2 place = gl_FragCoord.xy + jitter;
    vec4 old = clip_before * vec4((ray_of * vec4(place, 1.0, 0.0)).xyz, 0.0);
    vec2 before = (old.xy / max(old.w, 1e-3) * 0.5 + 0.5) * size;
    out_albedo = vec4(0.0);
    out_normal = vec4(0.0, 0.0, 0.0, 1.0);
    out_motion = vec4(clamp(before - place, -4.0 * size, 4.0 * size), 1.0 / 0.0, 0.0);
}
