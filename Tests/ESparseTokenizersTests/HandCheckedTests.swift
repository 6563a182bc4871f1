// Small tokenizers whose results can be worked out by hand.

import ESparseTokenizers
import Testing

@Suite struct HandCheckedTests {
    private func tokenizer(_ model: String, _ more: String = "") throws -> Tokenizer {
        try Tokenizer.load(tokenizerJSON: Array(#"{"model":{"type":"BPE",\#(model)}\#(more)}"#.utf8))
    }

    @Test func mergesApplyByRankThenFromTheLeft() throws {
        let tokenizer = try tokenizer(
            #""vocab":{"a":0,"b":1,"c":2,"ab":3,"bc":4,"abc":5,"aa":6},"merges":["b c","a b","a bc","a a"]"#)
        #expect(tokenizer.encode("abc") == [5])  // b c has the better rank, then a bc.
        #expect(tokenizer.encode("ab") == [3])
        #expect(tokenizer.encode("aaa") == [6, 0])  // The left pair comes first.
        #expect(tokenizer.encode("aabcab") == [0, 5, 3])
        #expect(tokenizer.encode("xaxbx") == [3])  // Unknown characters are dropped before merging.
        #expect(tokenizer.encode("") == [])
    }

    @Test func canonicallyEquivalentTokensStayApart() throws {
        let tokenizer = try tokenizer(#""vocab":{"\u00e9":0,"e":1,"\u0301":2,"e\u0301":3},"merges":[["e","\u0301"]]"#)
        #expect(tokenizer.encode("\u{e9}") == [0])
        #expect(tokenizer.encode("e\u{301}") == [3])
    }

    @Test func composingNormalizationJoinsAccents() throws {
        let tokenizer = try tokenizer(
            #""vocab":{"\u00e9":0,"\uac01":1,"\u1e69":2},"merges":[]"#, #","normalizer":{"type":"NFC"}"#)
        #expect(tokenizer.encode("e\u{301}") == [0])
        #expect(tokenizer.encode("\u{1100}\u{1161}\u{11a8}") == [1])
        #expect(tokenizer.encode("s\u{307}\u{323}") == [2])
    }

    @Test func unknownCharactersFuseOnlyWhereAsked() throws {
        let vocabulary = #""vocab":{"u":0,"a":1,"<0xC3>":2,"<0xA9>":3},"merges":[],"unk_token":"u""#
        #expect(try tokenizer(vocabulary).encode("xyazz") == [0, 0, 1, 0, 0])
        #expect(try tokenizer(vocabulary + #","fuse_unk":true"#).encode("xyazz") == [0, 1, 0])
        #expect(try tokenizer(vocabulary + #","byte_fallback":true"#).encode("éa") == [2, 3, 1])
    }

    @Test func addedTokensTakeWhiteSpaceAndWordsAsFlagged() throws {
        let tokenizer = try tokenizer(
            #""vocab":{"a":0," ":1,"x":2},"merges":[]"#,
            """
            ,"added_tokens":[{"id":3,"content":"<l>","lstrip":true},{"id":4,"content":"<r>","rstrip":true},
            {"id":2,"content":"x","single_word":true},{"id":6,"content":"<l><r>"}]
            """)
        #expect(tokenizer.encode("a  <l> a") == [0, 3, 1, 0])
        #expect(tokenizer.encode("a <r>  a") == [0, 1, 4, 0])
        #expect(tokenizer.encode("<l><r>") == [6])  // The longest match.
        #expect(tokenizer.encode("a x") == [0, 1, 2])
    }

    @Test(arguments: [
        ("Isolated", [[0], [1], [0], [1], [1], [0]]), ("Removed", [[0], [0], [0]]),
        ("MergedWithPrevious", [[2], [2], [1], [0]]), ("MergedWithNext", [[0], [3], [1], [3]]),
    ])
    func stringsSplitAsTheirBehaviorSays(behavior: String, words: [[Int32]]) throws {
        let tokenizer = try tokenizer(
            #""vocab":{"a":0,"-":1,"a-":2,"-a":3},"merges":["a -","- a"]"#,
            #","pre_tokenizer":{"type":"Split","pattern":{"String":"-"},"behavior":"\#(behavior)","invert":false}"#)
        #expect(tokenizer.encode("a-a--a") == words.flatMap { $0 })
    }

    @Test func wordsOfCapitalsAndSmallLettersAreCut() throws {
        let capitals = #"[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"#
        let small = #"[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"#
        let rest = #"\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"#
        let expression = "\(capitals)*\(small)+|\(capitals)+\(small)*|\(rest)"
        // Neighbours merge wherever they are in one word.
        let tokenizer = try tokenizer(
            #""vocab":{"A":0,"b":1,".":2,"AA":3,"bA":4,"bb":5,".A":6,"Ab":7,"b.":8},"#
                + #""merges":["b A","A A","b b",". A","A b","b ."]"#,
            #","pre_tokenizer":{"type":"Sequence","pretokenizers":["#
                + #"{"type":"Split","behavior":"Isolated","pattern":{"Regex":"\#(expression)"}},"#
                + #"{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]}"#)
        #expect(tokenizer.encode("bA") == [1, 0])  // A capital begins a word.
        #expect(tokenizer.encode("Ab") == [7])
        #expect(tokenizer.encode("bb.A") == [5, 6])  // One other character may be in front.
        #expect(tokenizer.encode("AAbA") == [3, 1, 0])
    }

    @Test func streamingHoldsBackUnfinishedCharacters() throws {
        let tokenizer = try tokenizer(
            #""vocab":{"ð":0,"Ł":1,"Ļ":2,"Ĥ":3,"a":4},"merges":[]"#,
            #","pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},"decoder":{"type":"ByteLevel"}"#)
        let ids = tokenizer.encode("🙂a")  // F0 9F 99 82 is spelled ð Ł Ļ Ĥ.
        #expect(ids == [0, 1, 2, 3, 4])
        var decoder = tokenizer.makeStreamingDecoder()
        #expect(ids.map { decoder.append($0) } == ["", "", "", "🙂", "a"])
        #expect(decoder.append(ids[0]) == "" && decoder.append(4) == "\u{FFFD}a")
        #expect(decoder.append(ids[0]) == "" && decoder.finish() == "\u{FFFD}")
        #expect(decoder.append(-1) == "" && decoder.append(1000) == "" && decoder.finish() == "")
    }

    @Test func byteTokensBecomeTextAsSoonAsTheyAreComplete() throws {
        let tokenizer = try tokenizer(
            #""vocab":{"<0x0A>":0,"<0xC3>":1,"<0xA9>":2,"▁b":3},"merges":[],"byte_fallback":true"#,
            """
            ,"decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},
            {"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}
            """)
        var decoder = tokenizer.makeStreamingDecoder()
        #expect([3, 0, 1, 2, 3].map { decoder.append($0) } == ["b", "\n", "", "é", " b"])
        #expect(tokenizer.decode([3, 0, 1, 3]) == "b\u{FFFD}\u{FFFD} b")
    }
}
