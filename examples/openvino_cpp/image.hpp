// Planes of floats, and what is done to them before and after a network: docs/integration.md, "Linear light".
#pragma once

#include <cstddef>
#include <vector>

// c planes of h rows of w values, one after the other. A pixel's centre is in its middle; x to the right, y down.
struct Image {
    int c = 0, h = 0, w = 0;
    std::vector<float> values;

    Image() = default;
    Image(int channels, int height, int width, float value = 0.0f)
        : c(channels), h(height), w(width), values(static_cast<std::size_t>(channels) * height * width, value) {}

    bool empty() const { return values.empty(); }
    float* plane(int channel) { return values.data() + static_cast<std::size_t>(channel) * h * w; }
    const float* plane(int channel) const { return values.data() + static_cast<std::size_t>(channel) * h * w; }
    float& at(int channel, int y, int x) { return plane(channel)[static_cast<std::size_t>(y) * w + x]; }
    const float& at(int channel, int y, int x) const { return plane(channel)[static_cast<std::size_t>(y) * w + x]; }
};

enum class Outside { zeros, repeated };

// Scene-linear light to a display's curve, and back.
float encode(float light);
float decode(float encoded);

// Backward: out(p) = image(p + motion(p)), bilinear. `motion` has x and y in pixels.
Image warp(const Image& image, const Image& motion, Outside outside);

// Backward by the same distance everywhere, by Keys' cubic (a = -0.5); the last row and column are repeated.
Image shift(const Image& image, double x, double y);

// `scale` times as large, bilinear.
Image enlarged(const Image& image, int scale);

// What 99.5 % of an image's pixels do not exceed, at least 1; small lights, which do not fill 5x5 pixels, do not count.
float usual_brightest(const Image& image);

// The brightest around each pixel that fills 2x2 pixels, at least 1: in its square of 16 pixels, and those beside that.
Image around_brightest(const Image& image);

// The first channels of an image, and images one behind the other.
Image first_channels(const Image& image, int count);
Image joined(const std::vector<Image>& images);

// The last row and column repeated to sides that are multiples of `multiple`; and the first rows and columns of one.
Image padded(const Image& image, int multiple);
Image cropped(const Image& image, int height, int width);
