// What a tokenizer.model holds: SentencePiece's ModelProto.

/// The fields of a SentencePiece model file that decide ids; absent ones have sentencepiece_model.proto's defaults.
struct SentencePieceModelFile {
    /// `ModelProto.SentencePiece`.
    struct Piece {
        var text: [UInt8] = []
        var score: Float = 0
        var type = PieceType.normal
    }

    /// `TrainerSpec.ModelType`.
    enum Algorithm: UInt64 {
        case unigram = 1
        case bytePair, word, character

        /// Its name, for messages.
        var name: String {
            switch self {
            case .unigram: "Unigram"
            case .bytePair: "BPE"
            case .word: "Word"
            case .character: "Char"
            }
        }
    }

    /// Pieces by id.
    private(set) var pieces: [Piece] = []
    // TrainerSpec
    private(set) var algorithm = Algorithm.unigram
    private(set) var treatsSpaceAsSuffix = false
    private(set) var hasByteFallback = false
    private(set) var beginningPiece = Array("<s>".utf8)
    private(set) var endPiece = Array("</s>".utf8)
    private(set) var paddingPiece = Array("<pad>".utf8)
    // NormalizerSpec
    private(set) var charactersMap: [UInt8] = []
    private(set) var addsSpacePrefix = true
    private(set) var removesExtraSpaces = true
    private(set) var marksSpaces = true
    /// Whether decoded text would be normalised again.
    private(set) var hasDenormalizer = false

    private let bytes: [UInt8]
    private let source: String

    /// Reads a whole file.
    ///
    /// - Throws: `TokenizerError.malformed` that names the byte, or says that there are no pieces.
    init(_ bytes: [UInt8], source: String) throws(TokenizerError) {
        self.bytes = bytes
        self.source = source
        do {
            try readModel()
        } catch {
            throw .malformed(
                source: source, field: "byte \(error.offset)",
                reason: "\(error.reason); the file is not a SentencePiece model, or is damaged")
        }
        // Other bytes can look like a message of unknown fields.
        guard !pieces.isEmpty else {
            throw .malformed(
                source: source, field: "pieces",
                reason: "there are none; the file is not a SentencePiece model, or is damaged")
        }
    }

    private mutating func readModel() throws(ProtobufReader.Malformed) {
        var reader = ProtobufReader(bytes, 0..<bytes.count)
        while let field = try reader.next() {
            guard case .bytes(let range) = field.value else { continue }
            switch field.number {
            case 1:
                guard pieces.count <= TokenVocabulary.maximumID else {
                    throw .init(
                        offset: range.lowerBound, reason: "there are more than \(TokenVocabulary.maximumID + 1) pieces")
                }
                pieces.append(try piece(range))
            case 2: try readTrainer(range)
            case 3: try readNormalizer(range)
            case 5: try readDenormalizer(range)
            default: break
            }
        }
    }

    private func piece(_ range: Range<Int>) throws(ProtobufReader.Malformed) -> Piece {
        var piece = Piece()
        var reader = ProtobufReader(bytes, range)
        while let field = try reader.next() {
            switch (field.number, field.value) {
            case (1, .bytes(let text)):
                piece.text = Array(bytes[text])
                guard String(validating: piece.text, as: UTF8.self) != nil else {
                    throw .init(offset: text.lowerBound, reason: "piece \(pieces.count) is not UTF-8")
                }
            case (2, .fixed32(let bits)): piece.score = Float(bitPattern: bits)
            case (3, .number(let number)):
                guard let value = Int32(exactly: number), let type = PieceType(rawValue: value) else {
                    throw .init(
                        offset: range.lowerBound, reason: "piece \(pieces.count) has the unknown type \(number)")
                }
                piece.type = type
            default: break
            }
        }
        return piece
    }

    private mutating func readTrainer(_ range: Range<Int>) throws(ProtobufReader.Malformed) {
        var reader = ProtobufReader(bytes, range)
        while let field = try reader.next() {
            switch (field.number, field.value) {
            case (3, .number(let number)):
                guard let value = Algorithm(rawValue: number) else {
                    throw .init(offset: range.lowerBound, reason: "the model type \(number) is unknown")
                }
                algorithm = value
            case (24, .number(let number)): treatsSpaceAsSuffix = number != 0
            case (35, .number(let number)): hasByteFallback = number != 0
            case (46, .bytes(let text)): if !text.isEmpty { beginningPiece = Array(bytes[text]) }
            case (47, .bytes(let text)): if !text.isEmpty { endPiece = Array(bytes[text]) }
            case (48, .bytes(let text)): if !text.isEmpty { paddingPiece = Array(bytes[text]) }
            default: break
            }
        }
    }

    private mutating func readNormalizer(_ range: Range<Int>) throws(ProtobufReader.Malformed) {
        var reader = ProtobufReader(bytes, range)
        while let field = try reader.next() {
            switch (field.number, field.value) {
            case (2, .bytes(let map)): charactersMap = Array(bytes[map])
            case (3, .number(let number)): addsSpacePrefix = number != 0
            case (4, .number(let number)): removesExtraSpaces = number != 0
            case (5, .number(let number)): marksSpaces = number != 0
            default: break
            }
        }
    }

    private mutating func readDenormalizer(_ range: Range<Int>) throws(ProtobufReader.Malformed) {
        var reader = ProtobufReader(bytes, range)
        while let field = try reader.next() {
            if field.number == 2, case .bytes(let map) = field.value, !map.isEmpty { hasDenormalizer = true }
        }
    }
}
