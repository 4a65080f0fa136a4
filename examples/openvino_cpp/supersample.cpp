// Upscales a stream of rendered frames with a network that `upframe export` has written, in OpenVINO, without Upframe.
//
//     supersample MODEL.onnx CAPTURE OUT [FAR]
//
// The model is an NSRR or an STSSNet. CAPTURE holds what a renderer has in memory, as capture.py writes it; OUT gets a PFM image for
// each frame: of linear light, where the frames are. FAR, for STSSNet, is the depth that it sees as 1, 100 by default.
// docs/integration.md describes the tensors; what is a step of an engine's is `Stream::step`.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <openvino/openvino.hpp>

#include "history.hpp"
#include "image.hpp"

namespace {

constexpr float kBrightest = 65504.0f;

struct Frame {
    std::map<std::string, Image> buffers;
    bool linear = false, cut = false;
    float exposure = 1.0f, jitter[2] = {0.0f, 0.0f};

    bool is_shaded() const { return buffers.count("colour") != 0; }
    const Image& buffer(const std::string& name) const {
        const auto found = buffers.find(name);
        if (found == buffers.end()) throw std::runtime_error("a frame without " + name + ", which the network needs");
        return found->second;
    }
};

// ---------------------------------------------------------------------------------------------------------- the captured clip

Image read_buffer(const std::filesystem::path& path, int channels, int height, int width) {
    Image image(channels, height, width);
    const auto bytes = static_cast<std::streamsize>(image.values.size() * sizeof(float));
    std::ifstream file(path, std::ios::binary);
    if (!file.read(reinterpret_cast<char*>(image.values.data()), bytes)) throw std::runtime_error(path.string() + ": is cut short");
    const bool is_depth = channels == 1;  // whose background is infinite
    for (const float value : image.values)
        if (std::isnan(value) || (std::isinf(value) && !is_depth))
            throw std::runtime_error(path.string() + ": holds a value that is no number");
    return image;
}

class Capture {
public:
    explicit Capture(std::filesystem::path folder) : folder_(std::move(folder)), list_(folder_ / "clip.txt") {
        if (!(list_ >> width_ >> height_ >> linear_) || width_ < 1 || height_ < 1 || width_ > 16384 || height_ > 16384)
            throw std::runtime_error((folder_ / "clip.txt").string() + ": is no capture");
    }

    // The next frame; false at the end.
    bool read(Frame& frame) {
        frame = Frame{};
        frame.linear = linear_;
        if (!(list_ >> frame.exposure >> frame.jitter[0] >> frame.jitter[1] >> frame.cut)) return false;
        std::ostringstream number;
        number << std::setw(5) << std::setfill('0') << number_++;
        for (const auto& [name, channels] : kChannels) {
            const auto path = folder_ / (number.str() + "." + name + ".f32");
            if (std::filesystem::exists(path)) frame.buffers[name] = read_buffer(path, channels, height_, width_);
        }
        return true;
    }

private:
    static const std::map<std::string, int> kChannels;
    std::filesystem::path folder_;
    std::ifstream list_;
    int width_ = 0, height_ = 0, number_ = 0;
    bool linear_ = false;
};

const std::map<std::string, int> Capture::kChannels = {{"colour", 3}, {"depth", 1},     {"motion", 2},  {"normal", 3},
                                                       {"albedo", 3}, {"roughness", 1}, {"metallic", 1}};

// A float image, its rows from the last to the first as the format has them.
void write_pfm(const std::filesystem::path& path, const Image& image) {
    std::ofstream file(path, std::ios::binary);
    file << "PF\n" << image.w << ' ' << image.h << "\n-1.0\n";
    for (int y = image.h - 1; y >= 0; --y)
        for (int x = 0; x < image.w; ++x)
            for (int c = 0; c < 3; ++c) file.write(reinterpret_cast<const char*>(&image.at(c, y, x)), sizeof(float));
    if (!file.flush()) throw std::runtime_error(path.string() + ": cannot be written");
}

// ---------------------------------------------------------------------------------------------------------------- the network

ov::Tensor to_tensor(const Image& image, const ov::Shape& shape) {
    ov::Tensor tensor(ov::element::f32, shape);
    if (tensor.get_size() != image.values.size()) throw std::runtime_error("a tensor of another size than its image");
    std::copy(image.values.begin(), image.values.end(), tensor.data<float>());
    return tensor;
}

class Network {
public:
    explicit Network(const std::string& path) {
        const auto model = core_.read_model(path);
        for (const auto& input : model->inputs()) shapes_[input.get_any_name()] = input.get_partial_shape();
        // Left to itself it computes in bfloat16 on processors that have it.
        request_ = core_.compile_model(model, "CPU", ov::hint::inference_precision(ov::element::f32)).create_infer_request();
    }

    bool takes(const std::string& name) const { return shapes_.count(name) != 0; }

    // How many frames of the past an input (1, frames, channels, h, w) holds.
    int frames(const std::string& name) const { return static_cast<int>(shapes_.at(name)[1].get_length()); }

    void set(const std::string& name, const Image& image, bool of_frames = false) {
        const auto height = static_cast<std::size_t>(image.h), width = static_cast<std::size_t>(image.w);
        const auto count = of_frames ? static_cast<std::size_t>(frames(name)) : 1, channels = static_cast<std::size_t>(image.c) / count;
        request_.set_tensor(name, to_tensor(image, of_frames ? ov::Shape{1, count, channels, height, width}
                                                              : ov::Shape{1, channels, height, width}));
    }

    void run() { request_.infer(); }

    // A result, its frames, where it has some, as channels one after the other.
    Image get(const std::string& name) {
        const ov::Tensor tensor = request_.get_tensor(name);
        const ov::Shape shape = tensor.get_shape();
        const auto width = shape[shape.size() - 1], height = shape[shape.size() - 2];
        Image image(static_cast<int>(tensor.get_size() / (width * height)), static_cast<int>(height), static_cast<int>(width));
        std::copy_n(tensor.data<const float>(), image.values.size(), image.values.begin());
        return image;
    }

private:
    ov::Core core_;
    ov::InferRequest request_;
    std::map<std::string, ov::PartialShape> shapes_;
};

// --------------------------------------------------------------------------------------------------------- a running image

// What a network made of a frame; `limit`, for each pixel, is how bright it saw the colours, of which `newest` are this frame's.
struct Upscaled {
    Image result, limit, newest;
};

// Colours no brighter than a limit.
Image limited(Image image, const Image& limit) {
    for (int c = 0; c < image.c; ++c)
        std::transform(image.plane(c), image.plane(c) + limit.values.size(), limit.values.begin(), image.plane(c),
                       [](float value, float most) { return std::min(value, most); });
    return image;
}

// Colours as parts of a limit.
Image divided(Image image, float limit) {
    for (float& value : image.values) value = std::min(value, limit) / limit;
    return image;
}

class Stream {
public:
    virtual ~Stream() = default;

    // The next frame, upscaled: 3 channels, as bright as the frame.
    Image step(const Frame& frame) {
        first_ = frame.cut || !started_;
        if (!first_ && frame.linear && frame.exposure != exposure_) {
            const float change = frame.exposure / exposure_;
            recolour([change](float value) { return encode(decode(value) * change); });
        }
        Image colour = frame.is_shaded() ? frame.buffer("colour") : Image();
        if (frame.linear)
            for (float& value : colour.values) value = encode(std::clamp(value * frame.exposure, 0.0f, kBrightest));
        const Image result = finished(upscale(frame, colour, sample_motion(frame)), frame);
        started_ = true, exposure_ = frame.exposure;
        std::copy_n(frame.jitter, 2, jitter_);
        return result;
    }

protected:
    virtual Upscaled upscale(const Frame& frame, const Image& colour, const Image& motion) = 0;
    virtual void recolour(const std::function<float(float)>& change) = 0;

    bool is_first() const { return first_; }

private:
    // Brought from the samples to the pixels; what was brighter than the network saw is added again; as light, where it was.
    static Image finished(const Upscaled& upscaled, const Frame& frame) {
        const int scale = upscaled.result.h / upscaled.newest.h;
        const float x = -scale * frame.jitter[0], y = -scale * frame.jitter[1];
        Image beyond = upscaled.newest;
        for (int c = 0; c < beyond.c; ++c)
            std::transform(beyond.plane(c), beyond.plane(c) + upscaled.limit.values.size(), upscaled.limit.values.begin(),
                           beyond.plane(c), [](float value, float most) { return std::max(value - most, 0.0f); });
        Image result = shift(upscaled.result, x, y);
        const Image excess = shift(enlarged(beyond, scale), x, y);
        for (int c = 0; c < result.c; ++c)
            for (int row = 0; row < result.h; ++row)
                for (int column = 0; column < result.w; ++column) {
                    float& value = result.at(c, row, column);
                    if (frame.linear) value = std::clamp(value, 0.0f, upscaled.limit.at(0, row / scale, column / scale));
                    value += std::max(excess.at(c, row, column), 0.0f);
                    if (frame.linear) value = decode(value) / frame.exposure;
                }
        return result;
    }

    // From the samples of this frame to those of the last: networks do not know of jitter.
    Image sample_motion(const Frame& frame) const {
        Image motion = frame.buffer("motion");
        for (int axis = 0; axis < 2; ++axis)
            for (float* value = motion.plane(axis); value != motion.plane(axis + 1); ++value)
                *value = first_ ? 0.0f : *value + frame.jitter[axis] - jitter_[axis];
        return motion;
    }

    bool started_ = false, first_ = true;
    float exposure_ = 1.0f, jitter_[2] = {0.0f, 0.0f};
};

// NSRR: the past goes in and comes out with the frame; it is accumulated and warped inside.
class NSRRStream : public Stream {
public:
    explicit NSRRStream(Network network) : network_(std::move(network)) {}

private:
    static constexpr int kMultiple = 4;  // of the sides, for every scale; 2 would do for x2, and 1 for x4
    static constexpr const char* kKinds[] = {"colour", "disparity", "motion"};

    Upscaled upscale(const Frame& frame, const Image& colour, const Image& motion) override {
        if (colour.empty()) throw std::runtime_error("a frame without colour, which the network needs");
        Image disparity = frame.buffer("depth");
        const float nearest = 1.0f / static_cast<float>(std::max(disparity.h, disparity.w));
        for (float& value : disparity.values) value = 1.0f / std::max(value, nearest);
        const std::map<std::string, Image> now = {{"colour", padded(colour, kMultiple)},
                                                  {"disparity", padded(disparity, kMultiple)},
                                                  {"motion", padded(motion, kMultiple)}};
        for (const std::string kind : kKinds)
            if (is_first()) past_[kind] = joined(std::vector<Image>(network_.frames("past_" + kind), now.at(kind)));

        // It takes [0, 1]: what is brighter is brought there, with the past, and back.
        const float limit = usual_brightest_of_all(colour);
        for (const std::string kind : kKinds) {
            network_.set(kind, kind == "colour" ? divided(now.at(kind), limit) : now.at(kind));
            network_.set("past_" + kind, kind == "colour" ? divided(past_[kind], limit) : past_[kind], true);
        }
        network_.run();
        for (const std::string kind : {"disparity", "motion"}) past_[kind] = network_.get("next_" + kind);
        past_["colour"] = without_oldest(joined({past_["colour"], now.at("colour")}));  // not as limited as it was seen
        Image result = network_.get("output");
        for (float& value : result.values) value *= limit;
        const int scale = result.h / now.at("colour").h;
        return {cropped(result, colour.h * scale, colour.w * scale), Image(1, colour.h, colour.w, limit), colour};
    }

    float usual_brightest_of_all(const Image& colour) const {
        float brightest = usual_brightest(colour);
        const Image& past = past_.at("colour");
        for (int c = 0; c < past.c; c += 3) {
            Image one(3, past.h, past.w);
            std::copy_n(past.plane(c), one.values.size(), one.values.begin());
            brightest = std::max(brightest, usual_brightest(cropped(one, colour.h, colour.w)));
        }
        return brightest;
    }

    static Image without_oldest(Image colours) {
        colours.values.erase(colours.values.begin(), colours.values.begin() + (colours.plane(3) - colours.plane(0)));
        colours.c -= 3;
        return colours;
    }

    void recolour(const std::function<float(float)>& change) override {
        auto& values = past_["colour"].values;
        std::transform(values.begin(), values.end(), values.begin(), change);
    }

    Network network_;
    std::map<std::string, Image> past_;
};

// STSSNet: the host warps the past, and fills frames in that were not shaded.
class STSSNetStream : public Stream {
public:
    STSSNetStream(Network network, float far) : network_(std::move(network)), history_(network_.frames("history")), far_(far) {}

private:
    static constexpr int kMultiple = 8;  // of the sides

    Upscaled upscale(const Frame& frame, const Image& colour, const Image& motion) override {
        if (is_first()) history_.clear();
        Image depth = frame.buffer("depth");
        const Past past = history_.step(colour, depth, motion);
        for (float& value : depth.values) value = std::clamp(value / far_, 0.0f, 1.0f);
        const Image features = joined({frame.buffer("normal"), depth, frame.buffer("roughness"), frame.buffer("metallic"),
                                       frame.buffer("albedo")});
        const Image limit = around_brightest(past.colour), limit_before = around_brightest(past.history);
        Image larger = limit;
        std::transform(limit.values.begin(), limit.values.end(), limit_before.values.begin(), larger.values.begin(),
                       [](float one, float other) { return std::max(one, other); });
        network_.set("colour", padded(limited(past.colour, limit), kMultiple));
        network_.set("features", padded(features, kMultiple));
        network_.set("mask", padded(past.mask, kMultiple));
        network_.set("history", padded(limited(past.history, limit_before), kMultiple), true);
        network_.run();
        return {cropped(network_.get("output"), 2 * depth.h, 2 * depth.w), larger, first_channels(past.colour, 3)};
    }

    void recolour(const std::function<float(float)>& change) override { history_.recolour(change); }

    Network network_;
    History history_;
    float far_;
};

std::unique_ptr<Stream> stream_of(const std::string& path, float far) {
    Network network(path);
    if (network.takes("past_colour")) return std::make_unique<NSRRStream>(std::move(network));
    if (network.takes("history")) return std::make_unique<STSSNetStream>(std::move(network), far);
    throw std::runtime_error(path + ": is no NSRR and no STSSNet");
}

}  // namespace

int main(int count, char** arguments) try {
    if (count < 4 || count > 5) {
        std::cerr << "supersample MODEL.onnx CAPTURE OUT [FAR]\n";
        return 2;
    }
    const auto stream = stream_of(arguments[1], count == 5 ? std::stof(arguments[4]) : 100.0f);
    Capture capture(arguments[2]);
    const std::filesystem::path out = arguments[3];
    std::filesystem::create_directories(out);
    Frame frame;
    for (int number = 0; capture.read(frame); ++number) {
        const auto start = std::chrono::steady_clock::now();
        const Image result = stream->step(frame);
        const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - start;
        std::ostringstream name;
        name << std::setw(5) << std::setfill('0') << number << ".pfm";
        write_pfm(out / name.str(), result);
        std::cout << name.str() << "  " << result.w << 'x' << result.h << "  " << std::fixed << std::setprecision(1) << spent.count() << " ms\n";
    }
    return 0;
} catch (const std::exception& error) {
    std::cerr << "supersample: " << error.what() << '\n';
    return 1;
}
