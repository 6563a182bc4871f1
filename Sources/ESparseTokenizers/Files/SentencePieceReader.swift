// Turns a SentencePiece model file into a tokenizer definition.

extension Tokenizer {
    /// Reads a SentencePiece model file alone: nothing is put around a text.
    ///
    /// - Throws: `TokenizerError` naming `source` and the place.
    public static func load(sentencePieceModel bytes: [UInt8], source: String = "tokenizer.model")
        throws(TokenizerError)
        -> Tokenizer
    {
        try Tokenizer(
            SentencePieceReader(bytes, source: source).definition(
                addedTokens: [], addsSpacePrefix: nil, prefixesFirstTextOnly: false))
    }
}

/// Checks what a tokenizer.model holds and builds a definition.
struct SentencePieceReader {
    /// Largest file read; real ones stay below 20 MB.
    static let largestFile = 1 << 26
    /// Most bytes in all user-defined symbols together.
    private static let symbolBytes = 1 << 22

    private let file: SentencePieceModelFile
    private let source: String

    /// Reads a whole tokenizer.model.
    ///
    /// - Throws: `TokenizerError.malformed` naming `source` and the byte.
    init(_ bytes: [UInt8], source: String) throws(TokenizerError) {
        file = try SentencePieceModelFile(bytes, source: source)
        self.source = source
    }

    private func malformed(_ field: String, _ reason: String) -> TokenizerError {
        .malformed(source: source, field: field, reason: reason)
    }

    /// The definition, with control symbols as added tokens unless `addedTokens` has them.
    ///
    /// - Parameters:
    ///   - addedTokens: the tokens that configuration files add, which may be the model's own or new ones.
    ///   - addsSpacePrefix: what the configuration says of the space in front; nil for what the model says.
    ///   - prefixesFirstTextOnly: whether text after a special token gets no space.
    /// - Throws: `TokenizerError` for models that are not byte-pair encodings, and for pieces that contradict each other.
    func definition(
        addedTokens: [AddedToken], addsSpacePrefix: Bool?, prefixesFirstTextOnly: Bool
    ) throws(TokenizerError) -> TokenizerDefinition {
        guard file.algorithm == .bytePair else {
            throw .unsupported(
                source: source, field: "trainer_spec.model_type", found: file.algorithm.name, supported: "BPE")
        }
        guard !file.hasDenormalizer else {
            throw .unsupported(
                source: source, field: "denormalizer_spec", found: "a table for decoded text", supported: "none")
        }
        var definition = TokenizerDefinition(vocabulary: try vocabulary())
        definition.pieces = PieceScores(scores: file.pieces.map(\.score), types: file.pieces.map(\.type))
        definition.options.byteFallback = file.hasByteFallback
        definition.options.fusesUnknown = true
        definition.options.unknownID = try unknownID()
        definition.symbols = try symbols()
        let prefix = addsSpacePrefix ?? file.addsSpacePrefix
        definition.normalizers = [
            .sentencePiece(
                SentencePieceNormalizer(
                    prefix: !prefix ? .never : prefixesFirstTextOnly ? .first : .always,
                    isSuffix: file.treatsSpaceAsSuffix, removesExtraSpaces: file.removesExtraSpaces,
                    marksSpaces: file.marksSpaces, characters: try characters(),
                    symbols: AddedTokenMatcher(definition.symbols.map { ($0, $0.content) })))
        ]
        definition.decoder = .pieces(
            stripsFirst: prefix, stripsAll: file.removesExtraSpaces, hasBytes: file.hasByteFallback)
        for token in addedTokens { try definition.addToken(token) }
        let known = Set(addedTokens.map(\.id))
        for (id, piece) in file.pieces.enumerated()
        where [.control, .unknown].contains(piece.type) && !known.contains(Int32(id)) {
            try definition.addToken(AddedToken(id: Int32(id), content: piece.text, isSpecial: true))
        }
        definition.settings.beginningOfSequence = control(file.beginningPiece)
        definition.settings.endOfSequence = control(file.endPiece)
        definition.settings.padding = control(file.paddingPiece)
        return definition
    }

    private func vocabulary() throws(TokenizerError) -> TokenVocabulary {
        var vocabulary = TokenVocabulary(source: source)
        for (id, piece) in file.pieces.enumerated() {
            guard !piece.text.isEmpty else { throw malformed("piece \(id)", "it is empty") }
            guard !piece.score.isNaN else { throw malformed("piece \(id)", "its score is NaN") }
            try vocabulary.add(piece.text, id: id)
        }
        let bytes = (0..<256).map { BytePairModel.fallbackToken(UInt8($0)) }
        for (id, piece) in file.pieces.enumerated() where piece.type == .byte {
            guard file.hasByteFallback else {
                throw malformed("piece \(id)", "it has the type of a byte, but trainer_spec.byte_fallback is false")
            }
            guard bytes.contains(piece.text) else {
                throw malformed(
                    "piece \(id)",
                    "\(TokenVocabulary.quoted(piece.text)) has the type of a byte but not the form <0x0A>")
            }
        }
        if file.hasByteFallback, let missing = bytes.first(where: { type(vocabulary.ids[$0]) != .byte }) {
            throw malformed(
                "pieces", "trainer_spec.byte_fallback is true, but \(TokenVocabulary.quoted(missing)) is missing")
        }
        return vocabulary
    }

    private func type(_ id: Int32?) -> PieceType? { id.map { file.pieces[Int($0)].type } }

    private func unknownID() throws(TokenizerError) -> Int32 {
        let unknown = file.pieces.indices.filter { file.pieces[$0].type == .unknown }
        guard let id = unknown.first, unknown.count == 1 else {
            throw malformed("pieces", "\(unknown.count) of them have the type of the unknown piece, but one is needed")
        }
        return Int32(id)
    }

    private func symbols() throws(TokenizerError) -> [AddedToken] {
        var symbols: [AddedToken] = []
        var byteCount = 0
        for (id, piece) in file.pieces.enumerated() where piece.type == .userDefined {
            byteCount += piece.text.count
            guard piece.text.count <= 1024, byteCount <= SentencePieceReader.symbolBytes else {
                throw malformed("piece \(id)", "the user-defined symbols up to this one are too long")
            }
            symbols.append(AddedToken(id: Int32(id), content: piece.text, isNormalized: true))
        }
        return symbols
    }

    private func characters() throws(TokenizerError) -> CharactersMap? {
        guard !file.charactersMap.isEmpty else { return nil }
        do {
            return try CharactersMap(file.charactersMap)
        } catch {
            throw malformed("normalizer_spec.precompiled_charsmap", error.reason)
        }
    }

    /// A piece where it is a control symbol of the model.
    private func control(_ text: [UInt8]) -> [UInt8]? {
        file.pieces.contains { $0.type == .control && $0.text == text } ? text : nil
    }
}
