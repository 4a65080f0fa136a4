// Light on what the geometry pass has found, where there is something: sun with shadow, point lights, environment, ambient occlusion.
uniform vec3 harmonics[9];
#ifdef SUN
uniform vec3 sun_direction;
uniform vec3 sun_irradiance;
uniform mat4 to_sun;
uniform vec2 texels;           // of the two shadow maps, in metres
uniform sampler2DShadow standing_shadow;
uniform sampler2DShadow moving_shadow;
#endif
#ifdef LIGHTS
uniform vec4 light_places[LIGHTS];  // a: reach
uniform vec3 light_intensities[LIGHTS];
#endif

out vec4 colour;

vec3 diffuse_light(vec3 n) {
    vec3 sum = harmonics[0] * 0.282095;
    sum += harmonics[1] * (0.488603 * n.y) + harmonics[2] * (0.488603 * n.z) + harmonics[3] * (0.488603 * n.x);
    sum += harmonics[4] * (1.092548 * n.x * n.y) + harmonics[5] * (1.092548 * n.y * n.z);
    sum += harmonics[6] * (0.315392 * (3.0 * n.z * n.z - 1.0));
    sum += harmonics[7] * (1.092548 * n.x * n.z) + harmonics[8] * (0.546274 * (n.x * n.x - n.y * n.y));
    return max(sum, 0.0);
}

#ifdef SUN
// Part of the sun that is seen. What moves has softer shadows: one reading, of four texels, is enough.
float sunlit(vec3 place, vec3 normal) {
    vec3 seen = (to_sun * vec4(place + normal * texels.x * 1.5, 1.0)).xyz * 0.5 + vec3(0.5, 0.5, 0.4996);
    if (any(greaterThan(abs(seen - 0.5), vec3(0.499)))) return 1.0;
    vec2 step = 0.6 / vec2(textureSize(standing_shadow, 0));
    float lit = texture(standing_shadow, seen + vec3(-step, 0.0)) + texture(standing_shadow, seen + vec3(step, 0.0));
    return 0.5 * lit * texture(moving_shadow, seen - vec3(0.0, 0.0, 0.0004));
}
#endif

float fifth_power(float x) {
    float square = x * x;
    return square * square * x;
}

// A surface as light meets it.
struct Surface {
    vec3 view, normal, diffuse, facing;  // towards the eye; over pi; mirrored by what is seen straight on
    float alpha, cosine;                 // between view and normal
};

// One light on a surface: diffuse and GGX (Walter 2007; visibility after Hammon 2017). The half vector h is not needed itself:
// |l + v|^2 = 2 + 2 l.v, n.h = (n.l + n.v) / |l + v| and l.h = |l + v| / 2.
vec3 lit(vec3 l, Surface s) {
    float nl = max(dot(s.normal, l), 0.0), nv = max(s.cosine, 0.02), square = max(2.0 + 2.0 * dot(l, s.view), 1e-4);
    float nh = nl + s.cosine, a2 = s.alpha * s.alpha, d = min(nh * nh / square, 1.0) * (a2 - 1.0) + 1.0;
    float gloss = 0.5 * a2 / (PI * d * d * mix(2.0 * nl * nv, nl + nv, s.alpha));
    vec3 fresnel = s.facing + (1.0 - s.facing) * fifth_power(1.0 - 0.5 * sqrt(square));
    return (s.diffuse - s.diffuse * fresnel + fresnel * gloss) * nl;
}

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    vec4 motion = texelFetch(motion_map, pixel, 0), albedo = texelFetch(albedo_map, pixel, 0);
    vec4 normal = texelFetch(normal_map, pixel, 0);
    vec3 way = ray(gl_FragCoord.xy), v = -normalize(way), n = normal.xyz, place = eye + way * motion.b;
    float roughness = normal.a, open = texture(open_map, gl_FragCoord.xy / size).r;
    vec3 diffuse = albedo.rgb * (1.0 - albedo.a), facing = mix(vec3(0.04), albedo.rgb, albedo.a);
    Surface surface = Surface(v, n, diffuse / PI, facing, max(roughness * roughness, 0.002), dot(n, v));
    vec3 sum = radiance(reflect(-v, n), roughness);
    sum *= mirrored(facing, roughness, max(surface.cosine, 0.02)) * sees_sky(open);
    sum += diffuse * diffuse_light(n) * open + albedo.rgb * max(motion.a, 0.0);
#ifdef SUN
    float through = motion.a < 0.0 ? max(-dot(n, sun_direction), 0.0) * 0.5 + 0.12 : 0.0;
    sum += (lit(sun_direction, surface) + surface.diffuse * through) * sun_irradiance * sunlit(place, n);
#endif
#ifdef LIGHTS
    for (int i = 0; i < LIGHTS; ++i) {
        vec3 l = light_places[i].xyz - place;
        float away = dot(l, l), reach = light_places[i].a, fade = max(1.0 - away / (reach * reach), 0.0);
        sum += lit(l * inversesqrt(away), surface) * light_intensities[i] * (fade * fade / (away + 0.02));
    }
#endif
    colour = vec4(min(sum, 60000.0), 1.0);
}
