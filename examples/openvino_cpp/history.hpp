// The past of a running image as STSSNet takes it: shaded frames, warped to the newest, with their holes.
// docs/rendered-frames.md, "The past, as the networks see it", says the same in words.
#pragma once

#include <functional>
#include <vector>

#include "image.hpp"

struct Past {
    Image colour;   // 6 channels: the newest shaded frame, its holes filled along the motion of occlusions; the same, unchecked
    Image mask;     // 1 channel: 0 in a hole
    Image history;  // 4 channels for each frame, oldest first: unchecked, and its mask
};

class History {
public:
    explicit History(int length) : length_(length) {}

    void clear() { frames_.clear(); }

    // What is remembered of colours, at another exposure.
    void recolour(const std::function<float(float)>& change);

    // The next frame; an empty `colour` is one that was not shaded. Throws where the first one is.
    Past step(const Image& colour, const Image& depth, const Image& motion);

private:
    struct Shaded {
        Image colour;  // 4 channels: the fourth is 1, and fades outside the image
        Image path;    // x and y of its displacement to the current frame, and its mask
    };

    void advance(const Image& depth, const Image& motion);
    Image filled(const Image& unchecked, const Image& mask, const Image& depth) const;

    int length_;
    std::vector<Shaded> frames_;  // newest first
    Image depth_;                 // of the frame before
};
