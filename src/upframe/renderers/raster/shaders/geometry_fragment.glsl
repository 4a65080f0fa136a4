// What a pixel shows, not yet lit: material, normal, motion and depth.
uniform vec2 size;
uniform vec2 jitter;
uniform vec3 eye;
#ifdef TEXTURE
uniform float bias;  // of the texture level
uniform sampler2D colour_map;
uniform sampler2D detail_map;  // x and y of the normal, roughness

in vec2 texture_place;
#endif

in vec3 world_position;
in vec3 world_normal;
in vec3 before;
flat in vec4 colour;  // a: roughness
flat in vec3 finish;  // metallic, emission, two-sided

layout(location = 0) out vec4 out_albedo;  // a: metallic
layout(location = 1) out vec4 out_normal;  // a: roughness
layout(location = 2) out vec4 out_motion;  // b: depth, a: emission, or -1 for what light shines through

#ifdef TEXTURE
vec3 bent(vec3 normal, vec2 xy) {
    // The tangent frame from derivatives (Mikkelsen 2010): u and v as they run over the surface.
    vec3 dx = dFdx(world_position), dy = dFdy(world_position);
    vec2 du = dFdx(texture_place), dv = dFdy(texture_place);
    vec3 across = cross(dy, normal) * du.x + cross(normal, dx) * dv.x;
    vec3 up = cross(dy, normal) * du.y + cross(normal, dx) * dv.y;
    float longest = max(dot(across, across), dot(up, up));
    if (longest <= 0.0) return normal;
    float handed = dot(cross(dx, dy), normal) < 0.0 ? -1.0 : 1.0;
    float z = sqrt(max(1.0 - dot(xy, xy), 0.05));
    return normalize((across * xy.x + up * xy.y) * (handed * inversesqrt(longest)) + normal * z);
}
#endif

void main() {
    vec3 albedo = colour.rgb;
    float roughness = colour.a, emission = finish.y;
    vec3 normal = normalize(world_normal);
    vec3 view = eye - world_position;
    if (finish.z > 0.5 && dot(normal, view) < 0.0) normal = -normal;
#ifdef TEXTURE
    vec4 painted = texture(colour_map, texture_place, bias);
    albedo *= painted.rgb * painted.rgb;  // the texture holds square roots
    vec3 detail = texture(detail_map, texture_place, bias).rgb;
    roughness *= detail.b;
    normal = bent(normal, (detail.rg * 255.0 - 128.0) / 127.0);
#endif
    vec2 old = (before.xy / max(before.z, 1e-3) * 0.5 + 0.5) * size;
    out_albedo = vec4(clamp(albedo, 0.0, 1.0), finish.x);
    out_normal = vec4(normal, clamp(roughness, 0.03, 1.0));
#ifdef HOLES
    if (finish.z > 0.5) emission = -1.0;
#endif
    out_motion = vec4(clamp(old - (gl_FragCoord.xy + jitter), -4.0 * size, 4.0 * size), 1.0 / gl_FragCoord.w, emission);
}
