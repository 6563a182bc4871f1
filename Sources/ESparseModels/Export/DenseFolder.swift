// Writes any readable checkpoint as an ordinary Hugging Face folder, which other tools open.

public import ESparseCore
public import ESparseFormats

/// A dense copy of a checkpoint: packed linears with their zeros written out, channels in their original order.
public enum DenseFolder {
    /// Writes a Hugging Face folder, which appears under its name when it is complete. One tensor is in memory at a time.
    ///
    /// - Parameters:
    ///   - checkpoint: what to copy.
    ///   - architecture: its shape.
    ///   - type: what matrices are rounded to, BF16, F16 or F32; nil leaves every tensor in its type.
    ///   - files: further files by name, such as tokenizer.json.
    ///   - output: the folder to make.
    ///   - progress: is told how many tensors are written.
    /// - Throws: `FormatError.outputExists`; the format's error for a damaged tensor; `FileError`, for example when the disk is
    ///   full; `InterruptedError`.
    public static func write(
        _ checkpoint: Checkpoint, _ architecture: ModelArchitecture, type: ElementType? = nil,
        files: [String: [UInt8]] = [:], to output: String, progress: any ProgressReporter = SilentProgress()
    ) throws {
        try architecture.validate(checkpoint.weights)
        let folder = try FolderOutput(output)
        let tensors = DenseTensors(checkpoint.weights, matrixType: type)
        let descriptions = Dictionary(
            architecture.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let entries = try architecture.tensors.map { description in
            try Interruption.check()
            return SafetensorsLayout.Entry(
                name: description.name, elementType: try tensors.elementType(of: description), shape: description.shape)
        }
        var files = files
        files["config.json"] = try checkpoint.configuration(storing: type)
        if let manifest = checkpoint.manifest?.stored(.dense) {
            files[SparseManifest.fileName] = try manifest.json()
            files[ModelCard.fileName] = try ModelCard(manifest: manifest, origin: checkpoint.origin).markdown
        }
        try folder.write(entries, files: files, stage: "Exporting", progress: progress) { entry in
            guard let description = descriptions[entry.name] else { preconditionFailure("\(entry.name) is no tensor") }
            return try tensors.tensor(description)
        }
    }
}
