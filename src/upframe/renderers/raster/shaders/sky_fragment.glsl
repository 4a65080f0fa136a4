// Where nothing is: the light of the sky, and its motion by the turning of the camera.
uniform mat4 clip_before;

layout(location = 0) out vec4 out_albedo;
layout(location = 1) out vec4 out_normal;
layout(location = 2) out vec4 out_motion;
layout(location = 3) out vec4 out_colour;

void main() {
    vec3 way = ray(gl_FragCoord.xy);
    vec4 old = clip_before * vec4(way, 0.0);
    vec2 place = gl_FragCoord.xy + jitter, before = (old.xy / max(old.w, 1e-3) * 0.5 + 0.5) * size;
    out_albedo = vec4(0.0);
    out_normal = vec4(0.0, 0.0, 0.0, 1.0);
    out_motion = vec4(clamp(before - place, -4.0 * size, 4.0 * size), 1.0 / 0.0, 0.0);
    out_colour = vec4(min(radiance(normalize(way), 0.0), 60000.0), 1.0);
}
