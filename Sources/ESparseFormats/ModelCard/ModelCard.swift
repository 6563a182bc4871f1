// The model card of a pruned checkpoint: README.md in its folder, as the hub shows it.

import ESparseCore

/// A card that says what was pruned, how, what it cost where that was measured, and how to run the result.
///
/// It is made from the manifest and the origin alone, so equal runs give equal bytes.
package struct ModelCard {
    /// Name of the file in the checkpoint's folder.
    package static let fileName = "README.md"

    private let manifest: SparseManifest
    private let origin: ModelOrigin

    /// Makes the card of a checkpoint with this manifest, pruned from the model of this origin.
    package init(manifest: SparseManifest, origin: ModelOrigin) {
        self.manifest = manifest
        self.origin = origin
    }

    /// UTF-8 Markdown with YAML front matter.
    package var markdown: [UInt8] {
        Array([frontMatter, title, facts, layers, use, license].joined(separator: "\n").utf8)
    }

    private var run: PruningRun { manifest.run }

    private var name: String? { origin.hubName.map { String($0.split(separator: "/")[1]) } ?? origin.name }

    private var frontMatter: String {
        var lines: [String] = []
        if let base = origin.hubName { lines.append("base_model: \(base)") }
        lines.append("library_name: \(run.storage == .packed ? "esparse" : "transformers")")
        if let license = origin.license { lines.append("license: \(license)") }
        if let name = origin.licenseName { lines.append("license_name: \(name)") }
        if let link = origin.licenseLink { lines.append("license_link: \(link)") }
        // Without quotes YAML would take 2:4 for a number to the base 60.
        lines += [
            "pipeline_tag: text-generation", "tags:", "- esparse", "- sparse", "- pruned", "- \"\(run.pattern)\"",
        ]
        return "---\n" + lines.map { $0 + "\n" }.joined() + "---\n"
    }

    private var title: String {
        let order =
            run.settings["shuffle-mode"] == "absorbed"
            ? "as they are stored"
            : "in the layer's\norder of channels, which is shuffled where the table of layers says so"
        let source = origin.hubName.map { "[\($0)](https://huggingface.co/\($0))" } ?? origin.name ?? "a dense model"
        return """
            # \(name.map { "\($0), " } ?? "")\(run.pattern) sparse

            Made from \(source) by esparse \(run.toolVersion), without retraining.
            Every row of a pruned linear layer keeps \(run.pattern.kept) of each \(run.pattern.group) weights that stand together \(order); the others are 0.

            """
    }

    private var facts: String {
        var rows = [
            ("method", "`\(run.method)`" + (refinement.map { ", \($0)" } ?? "")), ("pattern", run.pattern.description),
            ("pruned", pruned), ("shuffle", "`\(run.settings["shuffle"] ?? "none")`"), ("calibration", calibration),
            ("stored", storage), ("loss", loss),
        ]
        let told = ["shuffle", "samples", "sequence-length", "refine", "update"]
        let others = run.settings.filter { !told.contains($0.key) }.sorted { $0.key < $1.key }
        if !others.isEmpty {
            // Globs may hold anything that a command line can.
            let words = others.map { "`\($0.key)` \($0.value.filter { !"|`\n".contains($0) })" }
            rows.append(("settings", words.joined(separator: ", ")))
        }
        return "| | |\n|---|---|\n" + rows.map { "| \($0.0) | \($0.1) |\n" }.joined()
    }

    private var refinement: String? {
        if run.settings["update"] != nil || run.settings["damping"] != nil { return "kept weights updated" }
        return run.settings["refine"] != nil ? "masks refined by the outputs' error" : nil
    }

    private var pruned: String {
        let words = "\(manifest.linears.count) linear layers of the decoder blocks"
        guard let left = manifest.budget?.keptDense.count, left > 0 else { return words }
        return words + "; \(left) left dense to stay within the budget"
    }

    private var calibration: String {
        guard let digest = run.inputs["calibration"], let samples = run.settings["samples"],
            let length = run.settings["sequence-length"]
        else { return "none needed" }
        let text = digest == "self" ? "text that the dense model wrote itself" : "a text with the CRC-32 `\(digest)`"
        return "\(samples) sequences of \(length) tokens of \(text)"
    }

    private var storage: String {
        run.storage == .packed
            ? "packed: kept weights and a bitmask, which esparse runs as they are" : "dense, with zeros"
    }

    private var loss: String {
        guard let record = manifest.budget else {
            return "not measured; `esparse evaluate` measures it on your text"
        }
        return "perplexity of \(record.heldOutSequences) held-out sequences rose by \(Self.fixed(record.rise)) % "
            + "(\(Self.fixed(record.percent)) % allowed)"
    }

    /// One line for all linears of the same place in their blocks.
    private var layers: String {
        var kinds: [String] = []
        var linears: [String: [PrunedLinear]] = [:]
        for linear in manifest.linears {
            let kind = Self.kind(of: linear.name)
            if linears[kind] == nil { kinds.append(kind) }
            linears[kind, default: []].append(linear)
        }
        func mean(_ linears: [PrunedLinear], _ value: (PrunedLinear) -> Double?) -> String {
            let values = linears.compactMap(value)
            guard !values.isEmpty else { return "" }
            return Self.fixed(100 * values.reduce(0, +) / Double(values.count)) + " %"
        }
        let rows = kinds.map { kind in
            let all = linears[kind] ?? []
            let cells = [
                "`\(kind)`", "\(all.count)", mean(all, \.density), "\(all.count(where: \.permuted))",
                mean(all, \.retainedSaliency),
            ]
            return "| " + cells.joined(separator: " | ") + " |\n"
        }
        return """
            ## Layers

            Shares are means over the blocks.

            | linear | pruned | weights not 0 | shuffled | saliency kept |
            |---|--:|--:|--:|--:|

            """ + rows.joined()
    }

    /// The name of a linear without its block: `model.layers.3.mlp.up_proj.weight` is `mlp.up_proj`.
    private static func kind(of name: String) -> String {
        let parts = name.split(separator: ".")
        let start = parts.firstIndex { $0.allSatisfy(\.isNumber) }.map { $0 + 1 } ?? 0
        return parts[start...].filter { $0 != "weight" }.joined(separator: ".")
    }

    private var use: String {
        let others =
            run.storage == .packed
            ? "`esparse export . --output dense --format safetensors` (or `gguf`) writes the same model dense, for other tools."
            : "The folder also opens in transformers and other tools that read safetensors."
        return """
            ## Use

            ```console
            esparse generate . --prompt "Photosynthesis is the process by which"
            esparse evaluate . --text text.txt --sequence-length 2048
            esparse inspect .
            ```

            \(others)
            `esparse.json` has every setting, and the figures of every layer.

            """
    }

    private var license: String {
        guard let license = origin.license else { return "The licence is that of the original model.\n" }
        let words = origin.licenseName ?? license
        return "The licence is that of the original model (\(words)).\n"
    }

    /// A number with two digits after the point at most.
    private static func fixed(_ value: Double) -> String {
        "\((value * 100).rounded() / 100)"
    }
}
