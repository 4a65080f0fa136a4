// Upscales one image with a network that `upframe export` has written, in ONNX Runtime, without Upframe.
//
//     upscale MODEL.onnx SMALL.ppm LARGE.ppm
//
// The model is one for images (RT4KSR), or for video (FRVSR, TecoGAN), whose first frame this is. Images are binary PPM
// of 8 bits (P6), so that nothing but ONNX Runtime is needed. docs/integration.md describes the tensors.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "onnxruntime_c_api.h"

namespace {

const OrtApi* const ort = OrtGetApiBase()->GetApi(ORT_API_VERSION);

void check(OrtStatus* status) {
    if (status == nullptr) return;
    const std::string message = ort->GetErrorMessage(status);
    ort->ReleaseStatus(status);
    throw std::runtime_error(message);
}

template <typename T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

// An 8-bit RGB image, row by row.
struct Image {
    int64_t width = 0, height = 0;
    std::vector<uint8_t> samples;
};

Image read_ppm(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string kind;
    int largest = 0;
    Image image;
    file >> kind;
    auto number = [&file](auto& value) {
        while ((file >> std::ws).peek() == '#') {
            std::string comment;
            std::getline(file, comment);
        }
        file >> value;
    };
    number(image.width), number(image.height), number(largest);
    if (!file || kind != "P6" || largest != 255 || image.width < 1 || image.height < 1 || image.width > 65536 ||
        image.height > 65536) {
        throw std::runtime_error(path + ": is no binary PPM of 8 bits");
    }
    file.get();  // the one white space before the samples
    image.samples.resize(static_cast<size_t>(3 * image.width * image.height));
    if (!file.read(reinterpret_cast<char*>(image.samples.data()), static_cast<std::streamsize>(image.samples.size()))) {
        throw std::runtime_error(path + ": is cut short");
    }
    return image;
}

void write_ppm(const std::string& path, const Image& image) {
    std::ofstream file(path, std::ios::binary);
    file << "P6\n" << image.width << ' ' << image.height << "\n255\n";
    file.write(reinterpret_cast<const char*>(image.samples.data()), static_cast<std::streamsize>(image.samples.size()));
    if (!file.flush()) throw std::runtime_error(path + ": cannot be written");
}

// To planes of R, G and B in [0, 1], `width` x `height`: the last row and column are repeated up to there.
std::vector<float> to_planes(const Image& image, int64_t width, int64_t height) {
    std::vector<float> planes(static_cast<size_t>(3 * width * height));
    for (int64_t c = 0; c < 3; ++c)
        for (int64_t y = 0; y < height; ++y)
            for (int64_t x = 0; x < width; ++x) {
                const int64_t from = std::min(y, image.height - 1) * image.width + std::min(x, image.width - 1);
                planes[static_cast<size_t>((c * height + y) * width + x)] =
                    static_cast<float>(image.samples[static_cast<size_t>(3 * from + c)]) / 255.0f;
            }
    return planes;
}

// Back to samples, the first `width` x `height` of planes of `stride` x `rows`. Networks do not limit their results.
Image from_planes(const float* planes, int64_t stride, int64_t rows, int64_t width, int64_t height) {
    Image image{width, height, std::vector<uint8_t>(static_cast<size_t>(3 * width * height))};
    for (int64_t y = 0; y < height; ++y)
        for (int64_t x = 0; x < width; ++x)
            for (int64_t c = 0; c < 3; ++c) {
                const float value = std::clamp(planes[(c * rows + y) * stride + x], 0.0f, 1.0f);
                image.samples[static_cast<size_t>(3 * (y * width + x) + c)] =
                    static_cast<uint8_t>(std::lround(value * 255.0f));
            }
    return image;
}

class Model {
public:
    explicit Model(const std::string& path) {
        OrtEnv* env = nullptr;
        check(ort->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "upscale", &env));
        env_.reset(env);
        OrtSessionOptions* options = nullptr;
        check(ort->CreateSessionOptions(&options));
        const Owned<OrtSessionOptions> owned(options, ort->ReleaseSessionOptions);
        OrtSession* session = nullptr;
        const std::basic_string<ORTCHAR_T> file(path.begin(), path.end());
        check(ort->CreateSession(env, file.c_str(), options, &session));
        session_.reset(session);
        check(ort->GetAllocatorWithDefaultOptions(&allocator_));
        size_t count = 0;
        check(ort->SessionGetInputCount(session, &count));
        for (size_t index = 0; index < count; ++index) inputs_.push_back(input_name(index));
    }

    const std::vector<std::string>& inputs() const { return inputs_; }

    // What `upframe export` wrote beside the network; empty where there is nothing.
    std::string metadata(const std::string& key) const {
        OrtModelMetadata* found = nullptr;
        check(ort->SessionGetModelMetadata(session_.get(), &found));
        const Owned<OrtModelMetadata> owned(found, ort->ReleaseModelMetadata);
        char* text = nullptr;
        check(ort->ModelMetadataLookupCustomMetadataMap(found, allocator_, key.c_str(), &text));
        return text == nullptr ? std::string() : take(text);
    }

    // The result called "output", (1, 3, rows, columns).
    Owned<OrtValue> run(std::map<std::string, std::pair<std::vector<float>, std::array<int64_t, 4>>>& tensors) const {
        OrtMemoryInfo* memory = nullptr;
        check(ort->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));
        const Owned<OrtMemoryInfo> owned(memory, ort->ReleaseMemoryInfo);
        std::vector<Owned<OrtValue>> values;
        std::vector<const OrtValue*> given;
        std::vector<const char*> names;
        for (auto& [name, tensor] : tensors) {
            auto& [data, shape] = tensor;
            OrtValue* value = nullptr;
            check(ort->CreateTensorWithDataAsOrtValue(memory, data.data(), data.size() * sizeof(float), shape.data(), shape.size(),
                                                      ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &value));
            values.emplace_back(value, ort->ReleaseValue);
            given.push_back(value);
            names.push_back(name.c_str());
        }
        const char* const output = "output";
        OrtValue* result = nullptr;
        check(ort->Run(session_.get(), nullptr, names.data(), given.data(), given.size(), &output, 1, &result));
        return {result, ort->ReleaseValue};
    }

private:
    std::string input_name(size_t index) const {
        char* name = nullptr;
        check(ort->SessionGetInputName(session_.get(), index, allocator_, &name));
        return take(name);
    }

    std::string take(char* text) const {
        std::string copy = text;
        check(ort->AllocatorFree(allocator_, text));
        return copy;
    }

    Owned<OrtEnv> env_{nullptr, ort->ReleaseEnv};
    Owned<OrtSession> session_{nullptr, ort->ReleaseSession};
    OrtAllocator* allocator_ = nullptr;
    std::vector<std::string> inputs_;
};

// A whole number of the metadata, which is JSON: {"multiple": 2, ...}. A host with a JSON library uses that.
int64_t number_in(const std::string& json, const std::string& key) {
    const size_t place = json.find("\"" + key + "\": ");
    if (place == std::string::npos) throw std::runtime_error("the model does not say its " + key + ": was it exported by Upframe?");
    return std::stoll(json.substr(place + key.size() + 4));
}

void upscale(const std::string& file, const std::string& small, const std::string& large) {
    const Model model(file);
    const int64_t scale = number_in(model.metadata("upframe"), "scale");
    const int64_t multiple = number_in(model.metadata("upframe_contract"), "multiple");
    const Image image = read_ppm(small);
    const int64_t width = (image.width + multiple - 1) / multiple * multiple;
    const int64_t height = (image.height + multiple - 1) / multiple * multiple;

    std::map<std::string, std::pair<std::vector<float>, std::array<int64_t, 4>>> tensors;
    for (const std::string& name : model.inputs()) {
        if (name == "rgb") {
            tensors.emplace(name, std::pair{to_planes(image, width, height), std::array<int64_t, 4>{1, 3, height, width}});
        } else if (name == "previous_rgb" || name == "previous_output") {  // nothing came before the first frame: black
            const int64_t factor = name == "previous_rgb" ? 1 : scale;
            const std::array<int64_t, 4> shape{1, 3, factor * height, factor * width};
            tensors.emplace(name, std::pair{std::vector<float>(static_cast<size_t>(3 * shape[2] * shape[3])), shape});
        } else {
            throw std::runtime_error(file + ": wants \"" + name + "\", which an image does not have");
        }
    }
    const Owned<OrtValue> output = model.run(tensors);
    float* planes = nullptr;
    check(ort->GetTensorMutableData(output.get(), reinterpret_cast<void**>(&planes)));
    write_ppm(large, from_planes(planes, scale * width, scale * height, scale * image.width, scale * image.height));
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 4) {
        std::cerr << "usage: upscale MODEL.onnx SMALL.ppm LARGE.ppm\n";
        return 2;
    }
    try {
        if (ort == nullptr) throw std::runtime_error("this ONNX Runtime is older than the header it is used with");
        upscale(arguments[1], arguments[2], arguments[3]);
    } catch (const std::exception& error) {
        std::cerr << "upscale: " << error.what() << '\n';
        return 1;
    }
    return 0;
}
