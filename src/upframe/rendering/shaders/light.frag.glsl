// Light on what the geometry pass has found: sun with shadow, point lights, environment, ambient occlusion.
uniform vec3 harmonics[9];
uniform vec3 sun_direction;
uniform vec3 sun_irradiance;   // 0 where there is none
uniform mat4 to_sun;
uniform vec2 texels;           // of the two shadow maps, in metres
uniform sampler2DShadow standing_shadow;
uniform sampler2DShadow moving_shadow;
uniform int lights;
uniform vec4 light_places[8];  // a: reach
uniform vec3 light_intensities[8];

out vec4 colour;

vec3 diffuse_light(vec3 n) {
    vec3 sum = harmonics[0] * 0.282095;
    sum += harmonics[1] * (0.488603 * n.y) + harmonics[2] * (0.488603 * n.z) + harmonics[3] * (0.488603 * n.x);
    sum += harmonics[4] * (1.092548 * n.x * n.y) + harmonics[5] * (1.092548 * n.y * n.z);
    sum += harmonics[6] * (0.315392 * (3.0 * n.z * n.z - 1.0));
    sum += harmonics[7] * (1.092548 * n.x * n.z) + harmonics[8] * (0.546274 * (n.x * n.x - n.y * n.y));
    return max(sum, 0.0);
}

// Part of the sun that is seen. What moves has softer shadows: one reading, of four texels, is enough.
float sunlit(vec3 place, vec3 normal) {
    vec3 seen = (to_sun * vec4(place + normal * texels.x * 1.5, 1.0)).xyz * 0.5 + vec3(0.5, 0.5, 0.4996);
    if (any(greaterThan(abs(seen - 0.5), vec3(0.499)))) return 1.0;
    vec2 step = 0.75 / vec2(textureSize(standing_shadow, 0));
    float lit = texture(standing_shadow, seen + vec3(-step, 0.0)) + texture(standing_shadow, seen + vec3(step, 0.0));
    lit += texture(standing_shadow, seen + vec3(-step.x, step.y, 0.0)) + texture(standing_shadow, seen + vec3(step.x, -step.y, 0.0));
    return lit > 0.0 ? lit * 0.25 * texture(moving_shadow, seen - vec3(0.0, 0.0, 0.0004)) : 0.0;
}

float fifth_power(float x) {
    float square = x * x;
    return square * square * x;
}

// One light on a surface: diffuse and GGX (Walter 2007; visibility after Hammon 2017).
vec3 lit(vec3 l, vec3 v, vec3 n, vec3 diffuse, vec3 facing, float alpha) {
    float nl = dot(n, l);
    if (nl <= 0.0) return vec3(0.0);
    vec3 h = normalize(l + v);
    float nv = max(dot(n, v), 0.02), nh = dot(n, h), a2 = alpha * alpha;
    float d = nh * nh * (a2 - 1.0) + 1.0;
    float spread = a2 / (PI * d * d);
    float visible = 0.5 / mix(2.0 * nl * nv, nl + nv, alpha);
    vec3 fresnel = facing + (1.0 - facing) * fifth_power(1.0 - max(dot(h, l), 0.0));
    return (diffuse / PI * (1.0 - fresnel) + fresnel * spread * visible) * nl;
}

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    vec4 motion = texelFetch(motion_map, pixel, 0), albedo = texelFetch(albedo_map, pixel, 0);
    vec4 normal = texelFetch(normal_map, pixel, 0);
    bool sky = motion.b > 1e6;
    vec3 way = ray(gl_FragCoord.xy), v = -normalize(way), n = normal.xyz;
    float roughness = sky ? 0.0 : normal.a;
    vec3 sum = radiance(sky ? -v : reflect(-v, n), roughness);
    if (!sky) {
        vec3 place = eye + way * motion.b;
        float alpha = max(roughness * roughness, 0.002), open = texture(open_map, gl_FragCoord.xy / size).r;
        vec3 diffuse = albedo.rgb * (1.0 - albedo.a), facing = mix(vec3(0.04), albedo.rgb, albedo.a);
        sum *= mirrored(facing, roughness, max(dot(n, v), 0.02)) * sees_sky(open);
        sum += diffuse * diffuse_light(n) * open + albedo.rgb * max(motion.a, 0.0);
        float towards = dot(n, sun_direction), through = motion.a < 0.0 ? max(-towards, 0.0) * 0.5 + 0.12 : 0.0;
        if (sun_irradiance.g > 0.0 && max(towards, through) > 0.0) {
            vec3 light = lit(sun_direction, v, n, diffuse, facing, alpha) + diffuse / PI * through;
            sum += light * sun_irradiance * sunlit(place, n);
        }
        for (int i = 0; i < lights; ++i) {
            vec3 l = light_places[i].xyz - place;
            float away = dot(l, l), reach = light_places[i].a, fade = max(1.0 - away / (reach * reach), 0.0);
            if (fade > 0.0) {
                vec3 light = lit(l * inversesqrt(away), v, n, diffuse, facing, alpha);
                sum += light * light_intensities[i] * (fade * fade / (away + 0.02));
            }
        }
    }
    colour = vec4(min(sum, 60000.0), 1.0);
    gl_FragDepth = glossy(normal.a);
}
