// Cutting a megabyte of text into tokens: in words, and as one word, the worst case of merging.

import ESparseTokenizers

extension Microbenchmark {
    /// A byte-pair encoding whose merges double runs of "a" up to 1,024, on texts of 1,000,000 bytes.
    static func tokenizers() -> [Microbenchmark] {
        [("words of 10 letters", "aaaaaaaaaa "), ("one word", "a")].map { name, unit in
            Microbenchmark("tokenize a megabyte, \(name)") {
                let runs = (0...10).map { String(repeating: "a", count: 1 << $0) }
                let merges = runs.dropLast().map { "\"\($0) \($0)\"" }.joined(separator: ",")
                let vocabulary = (runs + ["Ġ"]).enumerated().map { "\"\($1)\":\($0)" }.joined(separator: ",")
                let tokenizer = try Tokenizer.load(
                    tokenizerJSON: Array(
                        """
                        {"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":true},
                        "decoder":{"type":"ByteLevel"},"model":{"vocab":{\(vocabulary)},"merges":[\(merges)]}}
                        """.utf8))
                let text = Array(String(repeating: unit, count: 1_000_000 / unit.utf8.count).utf8)
                return { _ = tokenizer.encode(text) }
            }
        }
    }
}
