// On glossy surfaces what the screen mirrors takes the place of the environment's reflection: the difference, to be added.
uniform sampler2D mirror_map;

out vec4 difference;

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    vec4 normal = texelFetch(normal_map, pixel, 0);
    vec2 place = gl_FragCoord.xy / size;
    vec4 light = vec4(0.0);
    if (normal.a < 0.5) light = texture(mirror_map, place) * smoothstep(0.5, 0.2, normal.a);
    difference = vec4(0.0);
    if (light.a > 0.0) {
        vec4 albedo = texelFetch(albedo_map, pixel, 0);
        vec3 v = -normalize(ray(gl_FragCoord.xy)), n = normal.xyz;
        float nv = max(dot(n, v), 0.02), open = texture(open_map, place).r;
        vec3 share = mirrored(mix(vec3(0.04), albedo.rgb, albedo.a), normal.a, nv);
        vec3 sky = radiance(reflect(-v, n), normal.a) * sees_sky(open);
        difference = vec4(share * (light.rgb - sky * light.a), 0.0);
    }
}
