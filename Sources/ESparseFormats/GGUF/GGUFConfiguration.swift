// Reads a GGUF file's hyperparameters and writes them as a Hugging Face config.json.

import ESparseCore
package import FoundationEssentials

/// What the metadata of a GGUF file says about the model, checked.
package struct GGUFConfiguration: Sendable {
    /// The file's architecture.
    package let architecture: GGUFArchitecture
    /// The model's sizes.
    package let shape: GGUFShape
    /// Channels of a head that are turned.
    private let rotarySize: Int
    /// The architecture's settings under config.json's keys.
    private let settings: [String: JSONValue]
    private let metadata: GGUFMetadata

    /// Reads and checks the hyperparameters.
    ///
    /// - Throws: `FormatError` when the architecture is not supported or a value is missing or absurd.
    package init(metadata: GGUFMetadata) throws(FormatError) {
        self.metadata = metadata
        let name = try metadata.string("general.architecture") ?? "unnamed"
        if let experts = try metadata.integer("\(name).expert_count"), experts > 0 {
            throw .unsupported(
                path: metadata.path,
                found: "a mixture of \(experts) experts (GGUF architecture \"\(name.prefix(80))\")",
                supported: "dense models are")
        }
        guard let architecture = GGUFArchitecture.named(name) else {
            let known = GGUFArchitecture.all.map { "\($0.name) (\($0.models))" }.joined(separator: ", ")
            throw .unsupported(
                path: metadata.path, found: "GGUF architecture \"\(name.prefix(80))\"",
                supported: "of GGUF files these are: \(known)")
        }
        self.architecture = architecture
        for (key, models) in architecture.foreign.sorted(by: { $0.key < $1.key }) {
            guard let value = try metadata.number("\(name).\(key)"), value > 0 else { continue }
            throw .unsupported(
                path: metadata.path, found: "\(models) (GGUF architecture \"\(name)\" with \(key))",
                supported: "\(architecture.models) is")
        }
        var settings: [String: JSONValue] = [:]
        for setting in architecture.settings {
            settings[setting.configurationKey] = try setting.value(
                in: metadata, architecture: name, earlier: settings)
        }
        self.settings = settings
        shape = GGUFShape(settings: settings)
        rotarySize = try metadata.integer("\(name).rope.dimension_count") ?? shape.headSize
        let isPart = (2..<max(2, shape.headSize)).contains(rotarySize) && rotarySize.isMultiple(of: 2)
        guard rotarySize == shape.headSize || architecture.mayTurnPartOfHeads && isPart else {
            let known = architecture.mayTurnPartOfHeads ? "an even number of a head's channels are" : "whole heads are"
            throw .unsupported(
                path: metadata.path, found: "a rotary size of \(rotarySize) in heads of \(shape.headSize)",
                supported: "rotary positions over \(known)")
        }
    }

    /// The configuration in Hugging Face's form, UTF-8 JSON with sorted keys.
    ///
    /// - Throws: `FormatError` when a value has the wrong type or the rotary scaling is of an unknown kind.
    package func json(files: GGUFFiles) throws(FormatError) -> Data {
        guard let embedding = files.entry("token_embd.weight") else {
            throw .missingTensor(path: files.path, name: "token_embd.weight")
        }
        func token(_ key: String) throws(FormatError) -> JSONValue {
            try metadata.integer("tokenizer.ggml.\(key)_token_id").map { .integer($0) } ?? .null
        }
        var config = architecture.nature(shape)
        config.merge(settings) { $1 }
        config["architectures"] = .array([.text(architecture.modelClass)])
        config["model_type"] = .text(architecture.modelType)
        config["vocab_size"] = .integer(embedding.shape.first ?? 0)
        config["rope_scaling"] =
            try GGUFRotaryScaling(
                metadata: metadata, architecture: architecture.name, settings: settings, rotarySize: rotarySize
            ).configuration(files: files) ?? .null
        if rotarySize != shape.headSize { config["partial_rotary_factor"] = .number(rotaryPart) }
        config["layer_types"] = try layerTypes()
        for (key, layers) in biases { config[key] = .boolean(try hasBiases(layers, in: files)) }
        config["tie_word_embeddings"] = .boolean(files.entry("output.weight") == nil)
        config["bos_token_id"] = try token("bos")
        config["eos_token_id"] = try token("eos")
        config["pad_token_id"] = try token("padding")
        config["torch_dtype"] = .text("float32")
        return Data(JSONValue.sorted(config).serialized(indented: true))
    }

    /// The part of a head's channels that is turned, as a number which gives `rotarySize` when the product is rounded down.
    private var rotaryPart: Double {
        let part = Double(rotarySize) / Double(shape.headSize)
        return Int(Double(shape.headSize) * part) == rotarySize ? part : part.nextUp
    }

    /// Which blocks have a window, or nil where the architecture's blocks are all alike.
    private func layerTypes() throws(FormatError) -> JSONValue? {
        guard var period = architecture.windowPeriod else { return nil }
        let key = "\(architecture.name).attention.sliding_window_pattern"
        var isWindowed: [Bool]?
        switch metadata.values[key] {
        case .bools(let pattern): isWindowed = pattern
        case .integers(let pattern): isWindowed = pattern.map { $0 != 0 }
        default: period = try metadata.integer(key) ?? period
        }
        if let isWindowed, isWindowed.count != shape.blockCount {
            let reason = "has \(isWindowed.count) elements for \(shape.blockCount) blocks"
            throw .invalidField(path: metadata.path, field: key, reason: reason)
        }
        guard period >= 0 else {
            throw .invalidField(path: metadata.path, field: key, reason: "is \(period), which is below 0")
        }
        let hasWindow = settings["sliding_window"] != nil
        return .array(
            (0..<shape.blockCount).map { block in
                // As in llama.cpp, a period of 0 gives all blocks a window, and one of 1 none.
                let isWindowed = isWindowed?[block] ?? (period == 0 || (block + 1) % period != 0)
                return .text(isWindowed && hasWindow ? "sliding_attention" : "full_attention")
            })
    }

    /// Layers whose biases a setting of config.json announces, by the setting's key.
    private var biases: [String: [String]] {
        var layers: [String: [String]] = [:]
        for module in architecture.tensors.modules {
            if case .setting(let key) = module.bias { layers[key, default: []].append(module.stored) }
        }
        return layers
    }

    /// Whether these linears have biases: in every block or in none, because config.json has one setting for all.
    private func hasBiases(_ linears: [String], in files: GGUFFiles) throws(FormatError) -> Bool {
        let present = files.names.filter { name in
            name.hasPrefix("blk.") && linears.contains { name.hasSuffix(".\($0).bias") }
        }
        guard let one = present.min() else { return false }
        let names = (0..<shape.blockCount).lazy.flatMap { block in linears.map { "blk.\(block).\($0).bias" } }
        if let missing = names.first(where: { files.entry($0) == nil }) {
            throw .unsupported(
                path: files.path, found: "a file with \(one) but without \(missing)",
                supported: "biases of all of \(linears.joined(separator: ", ")) in all blocks, or of none, are")
        }
        return true
    }
}
