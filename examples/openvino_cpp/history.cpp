#include "history.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace {

constexpr float kFaint = 1e-3f;          // a pixel read with less than this weight does not count
constexpr float kSameDisparity = 0.1f;   // of one surface, as part of the larger one
constexpr float kSameMotion = 0.5f;      // together, in pixels
constexpr float kNothing = std::numeric_limits<float>::quiet_NaN();

// Between which pixels of the frame before a point lay: the first of the four, and how far beyond it.
struct Place {
    int left, top;
    float x, y;

    bool reads(int right, int down) const {
        return (right ? x > kFaint : x < 1 - kFaint) && (down ? y > kFaint : y < 1 - kFaint);
    }
};

Place place_of(const Image& motion, int y, int x) {
    const float at_x = std::clamp(static_cast<float>(x) + motion.at(0, y, x), -1.0f, static_cast<float>(motion.w));
    const float at_y = std::clamp(static_cast<float>(y) + motion.at(1, y, x), -1.0f, static_cast<float>(motion.h));
    const float left = std::floor(at_x), top = std::floor(at_y);
    return {static_cast<int>(left), static_cast<int>(top), at_x - left, at_y - top};
}

bool is_inside(const Image& image, int y, int x) { return y >= 0 && y < image.h && x >= 0 && x < image.w; }

// Each pixel's motion where it was in the frame before: at all of the four pixels that are read, or at the nearest alone. Of
// several the nearest to the viewer stays. NaN where nothing came from.
Image carried_back(const Image& motion, const Image& depth, bool to_all) {
    Image carried(2, motion.h, motion.w, kNothing), nearest(1, motion.h, motion.w, std::numeric_limits<float>::max());
    for (int y = 0; y < motion.h; ++y)
        for (int x = 0; x < motion.w; ++x) {
            const Place place = place_of(motion, y, x);
            for (int down = 0; down < 2; ++down)
                for (int right = 0; right < 2; ++right) {
                    const bool written = to_all ? place.reads(right, down) : right == (place.x > 0.5f) && down == (place.y > 0.5f);
                    const int to_y = place.top + down, to_x = place.left + right;
                    if (!written || !is_inside(motion, to_y, to_x)) continue;
                    const bool first = std::isnan(carried.at(0, to_y, to_x));
                    if (!first && depth.at(0, y, x) >= nearest.at(0, to_y, to_x)) continue;
                    nearest.at(0, to_y, to_x) = depth.at(0, y, x);
                    for (int axis = 0; axis < 2; ++axis) carried.at(axis, to_y, to_x) = motion.at(axis, y, x);
                }
        }
    return carried;
}

// How much a surface changes over one pixel in both directions; 0 at edges and thin things.
float slope(const Image& image, int y, int x) {
    float total = 0.0f;
    for (const bool across : {true, false}) {
        const int length = across ? image.w : image.h, at = across ? x : y;
        if (length == 1) continue;
        const auto step = [&](int from) {  // to the pixel after it
            return across ? image.at(0, y, from + 1) - image.at(0, y, from) : image.at(0, from + 1, x) - image.at(0, from, x);
        };
        const float back = step(std::max(at - 1, 0)), ahead = step(std::min(at, length - 2));
        if (back * ahead > 0) total += std::min(std::abs(back), std::abs(ahead));
    }
    return total;
}

// 1 where the point a pixel shows was seen in the frame before.
Image seen_before(const Image& motion, const Image& depth, const Image& depth_before) {
    Image disparity = depth, before = depth_before, seen(1, depth.h, depth.w, 1.0f);
    for (float& value : disparity.values) value = 1.0f / value;
    for (float& value : before.values) value = 1.0f / value;
    const Image others = carried_back(motion, depth, false);
    for (int y = 0; y < depth.h; ++y)
        for (int x = 0; x < depth.w; ++x) {
            const Place place = place_of(motion, y, x);
            const float now = disparity.at(0, y, x), allowed = slope(disparity, y, x);
            for (int down = 0; down < 2; ++down)
                for (int right = 0; right < 2; ++right) {
                    if (!place.reads(right, down)) continue;
                    const int from_y = place.top + down, from_x = place.left + right;
                    bool hidden = !is_inside(depth, from_y, from_x);
                    if (!hidden) {
                        const float then = before.at(0, from_y, from_x);
                        hidden = std::abs(then - now) > kSameDisparity * std::max(then, now) + allowed;
                        for (int axis = 0; axis < 2; ++axis)  // false where nothing came from
                            hidden |= std::abs(others.at(axis, from_y, from_x) - motion.at(axis, y, x)) > kSameMotion;
                    }
                    if (hidden) seen.at(0, y, x) = 0.0f;
                }
        }
    return seen;
}

// For each pixel the motion of what hid it in the frame before; 0 where nothing did.
Image occlusion_motion(const Image& motion, const Image& forward) {
    Image found(2, motion.h, motion.w);
    for (int y = 0; y < motion.h; ++y)
        for (int x = 0; x < motion.w; ++x) {
            const float at_x = std::nearbyint(static_cast<float>(x) + motion.at(0, y, x));
            const float at_y = std::nearbyint(static_cast<float>(y) + motion.at(1, y, x));
            const int from_x = static_cast<int>(std::clamp(at_x, 0.0f, static_cast<float>(motion.w - 1)));
            const int from_y = static_cast<int>(std::clamp(at_y, 0.0f, static_cast<float>(motion.h - 1)));
            for (int axis = 0; axis < 2; ++axis) {
                const float value = forward.at(axis, from_y, from_x);
                found.at(axis, y, x) = std::isnan(value) ? 0.0f : value;
            }
        }
    return found;
}

// A shaded frame read along a motion: black where a pixel outside the image has a part in it.
Image without_edge(const Image& colour, const Image& motion) {
    const Image warped = warp(colour, motion, Outside::zeros);
    Image whole = first_channels(warped, 3);
    for (int c = 0; c < 3; ++c)
        for (int y = 0; y < whole.h; ++y)
            for (int x = 0; x < whole.w; ++x)
                if (!(warped.at(3, y, x) > 1 - kFaint)) whole.at(c, y, x) = 0.0f;
    return whole;
}

Image mask_of(const Image& path) {
    Image mask(1, path.h, path.w);
    std::copy_n(path.plane(2), mask.values.size(), mask.values.begin());
    return mask;
}

}  // namespace

void History::recolour(const std::function<float(float)>& change) {
    for (Shaded& frame : frames_)
        for (int c = 0; c < 3; ++c) std::transform(frame.colour.plane(c), frame.colour.plane(c + 1), frame.colour.plane(c), change);
}

Past History::step(const Image& colour, const Image& depth, const Image& motion) {
    const bool shaded = !colour.empty();
    if (!shaded && frames_.empty()) throw std::runtime_error("the first frame of a shot must be shaded");
    if (!frames_.empty()) advance(depth, motion);

    const Image everywhere(1, depth.h, depth.w, 1.0f);
    std::vector<Image> newest_first;
    if (shaded) newest_first.push_back(joined({colour, everywhere}));
    for (const Shaded& frame : frames_)
        if (newest_first.size() < static_cast<std::size_t>(length_))
            newest_first.push_back(joined({without_edge(frame.colour, frame.path), mask_of(frame.path)}));

    const Image unchecked = first_channels(newest_first[0], 3);
    Image mask = shaded ? everywhere : mask_of(frames_[0].path);
    std::vector<Image> oldest_first;
    for (int back = length_ - 1; back >= 0; --back)
        oldest_first.push_back(newest_first[std::min<std::size_t>(back, newest_first.size() - 1)]);
    Past past{joined({shaded ? unchecked : filled(unchecked, mask, depth), unchecked}), mask, joined(oldest_first)};

    depth_ = depth;
    if (shaded) {
        frames_.insert(frames_.begin(), {joined({colour, everywhere}), joined({Image(2, depth.h, depth.w), everywhere})});
        frames_.resize(std::min<std::size_t>(frames_.size(), length_));
    }
    return past;
}

// Carries every remembered frame one step on.
void History::advance(const Image& depth, const Image& motion) {
    const Image seen = seen_before(motion, depth, depth_);
    for (Shaded& frame : frames_) {
        Image moved = warp(frame.path, motion, Outside::repeated);
        for (int y = 0; y < depth.h; ++y)
            for (int x = 0; x < depth.w; ++x) {
                for (int axis = 0; axis < 2; ++axis) moved.at(axis, y, x) += motion.at(axis, y, x);
                moved.at(2, y, x) = moved.at(2, y, x) > 1 - kFaint ? seen.at(0, y, x) : 0.0f;
            }
        frame.path = moved;
    }
}

// The newest shaded frame, its holes taken from along the motion of occlusions.
Image History::filled(const Image& unchecked, const Image& mask, const Image& depth) const {
    const Image displacement = first_channels(frames_[0].path, 2);
    const Image beside = without_edge(frames_[0].colour, occlusion_motion(displacement, carried_back(displacement, depth, true)));
    Image whole = unchecked;
    for (int c = 0; c < 3; ++c)
        for (int y = 0; y < whole.h; ++y)
            for (int x = 0; x < whole.w; ++x)
                if (!(mask.at(0, y, x) > 0)) whole.at(c, y, x) = beside.at(c, y, x);
    return whole;
}
