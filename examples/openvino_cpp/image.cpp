#include "image.hpp"

#include <algorithm>
#include <cmath>

namespace {

// sRGB's curve to 1, and a logarithm of the same slope beyond.
constexpr float kLinearKnee = 0.00313066844250063f, kEncodedKnee = 12.92f * kLinearKnee, kShoulder = 1.055f / 2.4f;

Image shifted_along(const Image& image, double distance, bool across) {
    if (distance == 0.0) return image;
    const int whole = static_cast<int>(std::floor(distance)), last = (across ? image.w : image.h) - 1;
    const double part = distance - whole, a = -0.5;
    const auto near = [a](double x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
    const auto far = [a](double x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
    const double taps[4] = {far(1 + part), near(part), near(1 - part), far(2 - part)};
    Image moved(image.c, image.h, image.w);
    for (int c = 0; c < image.c; ++c)
        for (int y = 0; y < image.h; ++y)
            for (int x = 0; x < image.w; ++x) {
                double sum = 0.0;
                for (int tap = 0; tap < 4; ++tap) {
                    const int from = std::clamp((across ? x : y) + whole + tap - 1, 0, last);
                    sum += taps[tap] * (across ? image.at(c, y, from) : image.at(c, from, x));
                }
                moved.at(c, y, x) = static_cast<float>(sum);
            }
    return moved;
}

// The brightest channel of each pixel.
Image brightest_channel(const Image& image) {
    Image found = first_channels(image, 1);
    for (int c = 1; c < image.c; ++c)
        for (int y = 0; y < image.h; ++y)
            for (int x = 0; x < image.w; ++x) found.at(0, y, x) = std::max(found.at(0, y, x), image.at(c, y, x));
    return found;
}

}  // namespace

float encode(float light) {
    if (light <= kLinearKnee) return light * 12.92f;
    return light <= 1.0f ? 1.055f * std::pow(light, 1.0f / 2.4f) - 0.055f : 1.0f + kShoulder * std::log(light);
}

float decode(float encoded) {
    if (encoded <= kEncodedKnee) return encoded / 12.92f;
    return encoded <= 1.0f ? std::pow((encoded + 0.055f) / 1.055f, 2.4f) : std::exp((encoded - 1.0f) / kShoulder);
}

Image warp(const Image& image, const Image& motion, Outside outside) {
    Image moved(image.c, image.h, image.w);
    for (int y = 0; y < image.h; ++y)
        for (int x = 0; x < image.w; ++x) {
            float at_x = static_cast<float>(x) + motion.at(0, y, x), at_y = static_cast<float>(y) + motion.at(1, y, x);
            if (outside == Outside::repeated) {
                at_x = std::clamp(at_x, 0.0f, static_cast<float>(image.w - 1));
                at_y = std::clamp(at_y, 0.0f, static_cast<float>(image.h - 1));
            } else {  // beyond this all is zero, and a whole number may not hold it
                at_x = std::clamp(at_x, -2.0f, static_cast<float>(image.w + 1));
                at_y = std::clamp(at_y, -2.0f, static_cast<float>(image.h + 1));
            }
            const int left = static_cast<int>(std::floor(at_x)), top = static_cast<int>(std::floor(at_y));
            const float part_x = at_x - static_cast<float>(left), part_y = at_y - static_cast<float>(top);
            for (int down = 0; down < 2; ++down)
                for (int right = 0; right < 2; ++right) {
                    const int from_y = top + down, from_x = left + right;
                    if (from_y < 0 || from_y >= image.h || from_x < 0 || from_x >= image.w) continue;
                    const float weight = (down ? part_y : 1.0f - part_y) * (right ? part_x : 1.0f - part_x);
                    for (int c = 0; c < image.c; ++c) moved.at(c, y, x) += weight * image.at(c, from_y, from_x);
                }
        }
    return moved;
}

Image shift(const Image& image, double x, double y) { return shifted_along(shifted_along(image, x, true), y, false); }

Image enlarged(const Image& image, int scale) {
    Image large(image.c, image.h * scale, image.w * scale);
    const auto place = [scale](int at) { return std::max((static_cast<float>(at) + 0.5f) / static_cast<float>(scale) - 0.5f, 0.0f); };
    for (int y = 0; y < large.h; ++y)
        for (int x = 0; x < large.w; ++x) {
            const float at_y = place(y), at_x = place(x);
            const int top = static_cast<int>(at_y), left = static_cast<int>(at_x);
            const int bottom = std::min(top + 1, image.h - 1), right = std::min(left + 1, image.w - 1);
            const float down = at_y - static_cast<float>(top), across = at_x - static_cast<float>(left);
            for (int c = 0; c < image.c; ++c)
                large.at(c, y, x) = (1 - down) * ((1 - across) * image.at(c, top, left) + across * image.at(c, top, right)) +
                                    down * ((1 - across) * image.at(c, bottom, left) + across * image.at(c, bottom, right));
        }
    return large;
}

float usual_brightest(const Image& image) {
    const Image bright = brightest_channel(image);
    const int high = std::min(5, image.h), wide = std::min(5, image.w);
    const int stride = std::max(static_cast<int>(std::nearbyint(std::sqrt(image.h * static_cast<double>(image.w) / 65536))), 1);
    std::vector<float> filling;
    for (int top = 0; top + high <= image.h; top += stride)
        for (int left = 0; left + wide <= image.w; left += stride) {
            float least = bright.at(0, top, left);
            for (int y = top; y < top + high; ++y)
                for (int x = left; x < left + wide; ++x) least = std::min(least, bright.at(0, y, x));
            filling.push_back(least);
        }
    const auto place = filling.begin() + std::max(static_cast<int>(static_cast<double>(filling.size()) * 0.995), 1) - 1;
    std::nth_element(filling.begin(), place, filling.end());
    return std::max(*place, 1.0f);
}

Image around_brightest(const Image& image) {
    constexpr int kSquare = 16;
    const Image bright = brightest_channel(image);
    Image squares(1, (image.h + kSquare - 1) / kSquare, (image.w + kSquare - 1) / kSquare, 1.0f), around(1, image.h, image.w, 1.0f);
    for (int y = 0; y < image.h; ++y)
        for (int x = 0; x < image.w; ++x) {
            const int below = std::min(y + 1, image.h - 1), beside = std::min(x + 1, image.w - 1);
            const float filling = std::min(
                {bright.at(0, y, x), bright.at(0, y, beside), bright.at(0, below, x), bright.at(0, below, beside)});
            float& brightest = squares.at(0, y / kSquare, x / kSquare);
            brightest = std::max(brightest, filling);
        }
    for (int y = 0; y < image.h; ++y)
        for (int x = 0; x < image.w; ++x)
            for (int row = std::max(y / kSquare - 1, 0); row <= std::min(y / kSquare + 1, squares.h - 1); ++row)
                for (int column = std::max(x / kSquare - 1, 0); column <= std::min(x / kSquare + 1, squares.w - 1); ++column)
                    around.at(0, y, x) = std::max(around.at(0, y, x), squares.at(0, row, column));
    return around;
}

Image first_channels(const Image& image, int count) {
    Image first(count, image.h, image.w);
    std::copy_n(image.values.begin(), first.values.size(), first.values.begin());
    return first;
}

Image joined(const std::vector<Image>& images) {
    Image all = images.front();
    for (std::size_t index = 1; index < images.size(); ++index) {
        all.c += images[index].c;
        all.values.insert(all.values.end(), images[index].values.begin(), images[index].values.end());
    }
    return all;
}

Image padded(const Image& image, int multiple) {
    const int height = (image.h + multiple - 1) / multiple * multiple, width = (image.w + multiple - 1) / multiple * multiple;
    Image larger(image.c, height, width);
    for (int c = 0; c < image.c; ++c)
        for (int y = 0; y < height; ++y)
            for (int x = 0; x < width; ++x) larger.at(c, y, x) = image.at(c, std::min(y, image.h - 1), std::min(x, image.w - 1));
    return larger;
}

Image cropped(const Image& image, int height, int width) {
    Image part(image.c, height, width);
    for (int c = 0; c < image.c; ++c)
        for (int y = 0; y < height; ++y) std::copy_n(&image.plane(c)[static_cast<std::size_t>(y) * image.w], width, &part.at(c, y, 0));
    return part;
}
