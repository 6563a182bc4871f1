// Byte-pair encoding of one word: starts from the ids of its characters and merges neighbours, best pair first.

/// How characters become the first symbols.
struct BytePairOptions: Sendable, Equatable {
    /// Words are bytes, each spelled by one character of the byte alphabet.
    var isByteLevel = false
    /// Characters without a token become the tokens `<0x00>`…`<0xFF>` of their bytes.
    var byteFallback = false
    /// Token for characters that have none; without it they are dropped.
    var unknownID: Int32?
    /// Neighbouring unknown characters become one token.
    var fusesUnknown = false
    /// A word that is a token as a whole is that token.
    var ignoresMerges = false
}

/// A byte-pair encoding, ready to run.
struct BytePairModel: WordModel {
    let options: BytePairOptions
    private let wholeWords: [[UInt8]: Int32]
    private let scalarIDs: [UInt32: Int32]
    /// `[256]`: the token of each byte-level byte, or -1.
    private let byteLevelIDs: [Int32]
    /// `[256]`: the tokens `<0xHH>`, or -1.
    private let fallbackIDs: [Int32]
    private let merges: MergeTable
    /// Pairs of scalars at which some merge joins two tokens; nil where text must not be cut.
    private let joints: Set<UInt64>?

    /// Prepares a vocabulary; `specialIDs` are never what a whole word encodes to.
    init(_ vocabulary: TokenVocabulary, options: BytePairOptions, specialIDs: Set<Int32>) {
        self.options = options
        var scalarIDs: [UInt32: Int32] = [:]
        for (token, id) in vocabulary.ids where !token.isEmpty && token.count <= 4 {
            let (value, length) = UTF8Text.scalar(in: token, at: 0)
            if length == token.count { scalarIDs[value] = id }
        }
        self.scalarIDs = scalarIDs
        byteLevelIDs = ByteAlphabet.scalars.map { scalarIDs[$0] ?? -1 }
        fallbackIDs = (0..<256).map { vocabulary.ids[BytePairModel.fallbackToken(UInt8($0))] ?? -1 }
        wholeWords = options.ignoresMerges ? vocabulary.ids.filter { !specialIDs.contains($0.value) } : [:]
        var merges = MergeTable(capacity: vocabulary.merges.count)
        for (rank, merge) in vocabulary.merges.enumerated() {
            merges.add(merge.left, merge.right, id: merge.result, rank: Int32(rank))
        }
        self.merges = merges
        joints =
            options.isByteLevel || options.ignoresMerges ? nil : BytePairModel.joints(vocabulary, options, fallbackIDs)
    }

    /// The token that stands for a byte: `<0x0A>`.
    static func fallbackToken(_ byte: UInt8) -> [UInt8] {
        let digits = String(byte, radix: 16, uppercase: true)
        return Array("<0x\(digits.count == 1 ? "0" : "")\(digits)>".utf8)
    }

    private static func joints(
        _ vocabulary: TokenVocabulary, _ options: BytePairOptions, _ fallbackIDs: [Int32]
    ) -> Set<UInt64>? {
        var opaque = Set(fallbackIDs)
        if let unknown = options.unknownID { opaque.insert(unknown) }
        var joints: Set<UInt64> = []
        for merge in vocabulary.merges {
            guard !opaque.contains(merge.left), !opaque.contains(merge.right),
                let left = vocabulary.tokens[Int(merge.left)], let right = vocabulary.tokens[Int(merge.right)],
                !left.isEmpty, !right.isEmpty
            else { return nil }
            let last = UTF8Text.scalar(in: left, at: UTF8Text.start(before: left.count, in: left)).value
            joints.insert(UInt64(last) << 32 | UInt64(UTF8Text.scalar(in: right, at: 0).value))
        }
        return joints
    }

    /// Cuts a word where no merge can join its neighbours, so that long text becomes many short words with the same ids.
    func cut(_ text: [UInt8], _ range: Range<Int>, into pieces: inout [Range<Int>]) {
        guard let joints else {
            pieces.append(range)
            return
        }
        Self.cut(text, range, into: &pieces) { previous, value in
            !joints.contains(UInt64(previous) << 32 | UInt64(value)) && scalarIDs[previous] != nil
                && scalarIDs[value] != nil
        }
    }

    /// Appends the ids of one word.
    func encode(_ word: [UInt8], scratch: inout MergeScratch, into ids: inout [Int32]) {
        if options.ignoresMerges {
            let spelled = options.isByteLevel ? ByteAlphabet.spelling(of: word) : word
            if let id = wholeWords[spelled] {
                ids.append(id)
                return
            }
        }
        scratch.reset()
        symbols(of: word, into: &scratch)
        merges.run(&scratch)
        ids.append(contentsOf: scratch.symbols)
    }

    private func symbols(of word: [UInt8], into scratch: inout MergeScratch) {
        var pendingUnknown: Int32?
        func add(_ value: UInt32, _ known: Int32?) {
            if let known {
                if let unknown = pendingUnknown { scratch.append(unknown) }
                pendingUnknown = nil
                scratch.append(known)
                return
            }
            if options.byteFallback {
                let bytes = UTF8Text.encoded(value).map { fallbackIDs[Int($0)] }
                if bytes.allSatisfy({ $0 >= 0 }) {
                    // As the reference has it, a pending unknown token comes after these.
                    for id in bytes { scratch.append(id) }
                    return
                }
            }
            guard let unknown = options.unknownID else { return }
            if let pending = pendingUnknown, !options.fusesUnknown { scratch.append(pending) }
            pendingUnknown = unknown
        }
        if options.isByteLevel {
            for byte in word {
                let id = byteLevelIDs[Int(byte)]
                add(ByteAlphabet.scalars[Int(byte)], id >= 0 ? id : nil)
            }
        } else {
            var position = 0
            while position < word.count {
                let (value, length) = UTF8Text.scalar(in: word, at: position)
                add(value, scalarIDs[value])
                position += length
            }
        }
        if let unknown = pendingUnknown { scratch.append(unknown) }
    }
}
