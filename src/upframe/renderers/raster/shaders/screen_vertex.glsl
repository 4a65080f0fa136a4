// One triangle that covers the image, as far away as depth goes.
in vec2 position;

void main() {
    gl_Position = vec4(position, 1.0, 1.0);
}
