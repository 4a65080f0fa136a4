// What glossy surfaces mirror of the screen, at half the size (McGuire, Mara 2014). a: how sure it is that a ray hit.
uniform mat4 clip_now;
uniform sampler2D lit_map;

out vec4 mirrored_light;

const int STEPS = 14;
const int HALVINGS = 4;

// Follows a ray over the screen: what it meets, and in ``found`` how sure that is.
vec3 seen_from(vec3 offset, vec3 way, float reach, out float found) {
    found = 0.0;
    vec4 start = clip_now * vec4(eye + offset, 1.0), end = clip_now * vec4(eye + offset + way * reach, 1.0);
    if (end.w < 0.1) end = mix(start, end, (start.w - 0.1) / (start.w - end.w));
    vec2 from = (start.xy / start.w * 0.5 + 0.5) * size - jitter, to = (end.xy / end.w * 0.5 + 0.5) * size - jitter;
    float k0 = 1.0 / start.w, k1 = 1.0 / end.w, low = 0.0, high = 0.0, before = start.w;
    for (int i = 1; i <= STEPS; ++i) {
        float t = float(i) / float(STEPS);
        t *= t;
        vec2 place = mix(from, to, t);
        if (any(lessThan(place, vec2(0.5))) || any(greaterThan(place, size - 0.5))) break;
        float depth = 1.0 / mix(k0, k1, t), other = texelFetch(half_map, ivec2(place) / 2, 0).r;
        if (depth > other && before < other + 0.6 + 0.04 * other) {
            high = t;
            break;
        }
        before = depth;
        low = t;
    }
    if (high == 0.0) return vec3(0.0);
    for (int j = 0; j < HALVINGS; ++j) {
        float middle = 0.5 * (low + high);
        bool behind = 1.0 / mix(k0, k1, middle) > texelFetch(half_map, ivec2(mix(from, to, middle)) / 2, 0).r;
        if (behind) high = middle; else low = middle;
    }
    vec2 hit = mix(from, to, high);
    float depth = 1.0 / mix(k0, k1, high);
    if (depth > texelFetch(half_map, ivec2(hit) / 2, 0).r + 0.3 + 0.02 * depth) return vec3(0.0);
    hit /= size;
    vec2 edge = smoothstep(0.0, 0.08, hit) * smoothstep(1.0, 0.92, hit);
    found = edge.x * edge.y;
    return texture(lit_map, hit).rgb;
}

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy) * 2;
    vec4 normal = texelFetch(normal_map, pixel, 0);
    float depth = texelFetch(half_map, ivec2(gl_FragCoord.xy), 0).r, found = 0.0;
    vec3 light = vec3(0.0);
    if (depth < 1e6 && normal.a < 0.5) {
        vec3 offset = ray(vec2(pixel) + 0.5) * depth, n = normal.xyz;
        light = seen_from(offset + n * (0.01 + 0.002 * depth), reflect(normalize(offset), n), 4.0 + 1.5 * depth, found);
    }
    mirrored_light = vec4(min(light, 12.0) * found, found);
}
