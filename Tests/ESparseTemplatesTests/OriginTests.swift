// What comes from the conversation is known as such, whatever the template does with it.

import ESparseFormats
import ESparseTemplates
import Testing

@Suite struct OriginTests {
    /// The parts of the text that come from the conversation.
    private func parts(_ source: String, content: String = "Hello") throws -> [String] {
        let message = JSONValue.object([
            JSONValue.Member(key: Array("role".utf8), value: .text("user")),
            JSONValue.Member(key: Array("content".utf8), value: .text(content)),
        ])
        let rendered = try Template(source).render(
            Conversation(messages: [message]).variables, texts: ["bos_token": "<s>"], clock: TemplateFixtures.clock)
        return rendered.conversationRanges.map { String(decoding: rendered.bytes[$0], as: UTF8.self) }
    }

    @Test(arguments: [
        ("<u>{{ messages[0].content }}</u>", ["Hello"]),
        ("{{ bos_token + messages[0]['content'] + bos_token }}", ["Hello"]),
        ("{{ '<u>' ~ (messages[0].content | upper | trim) ~ '</u>' }}", ["HELLO"]),
        ("{{ messages[0].content[1:3] }}|{{ messages[0].content.split('l') | join('<l>') }}", ["el", "He", "o"]),
        ("{{ messages[0].content | tojson }}", ["Hello"]),
        ("{{ 'a%sb' % messages[0].content }}{{ 'a{}b'.format(messages[0].content) }}", ["Hello", "Hello"]),
        ("{{ messages[0].content | replace('l', '<l>') }}", ["He", "o"]),
        ("{% set x %}<{{ messages[0].content }}>{% endset %}{{ x }}", ["Hello"]),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(messages[0].content) }}", ["Hello"]),
        ("<|{{ messages[0].role }}|>", []),
        ("{{ messages }}", ["role", "content", "Hello"]),
        ("{% macro m() %}{{ kwargs }}{% endmacro %}{{ m(**messages[0]) }}", ["role", "content", "Hello"]),
        ("{% macro m(role, content) %}<{{ content }}>{% endmacro %}{{ m(**messages[0]) }}", ["Hello"]),
        ("{{ dict(a=1, **messages[0]) | join('|') }}", ["role", "content"]),
        ("{{ '%s' | format(**messages[0]) }}", ["role", "content", "Hello"]),
        ("{{ '{content}'.format(**messages[0]) }}", ["Hello"]),
        ("{{ messages[0].content | length }}", []),
    ])
    func lettersKeepTheirOrigin(source: String, expected: [String]) throws {
        #expect(try parts(source) == expected)
    }

    @Test func escapesOfAMessageAreItsOwn() throws {
        #expect(try parts("{{ messages[0].content | tojson }}", content: "a\"\n\u{1}é") == ["a\\\"\\n\\u0001é"])
        #expect(try parts("{{ [messages[0].content] }}", content: "a'\n") == ["a'\\n"])
        #expect(try parts("{{ messages[0].content | e }}", content: "<s>") == ["&lt;s&gt;"])
    }

    @Test func aRoleThatIsNoWordIsText() throws {
        let message = JSONValue.object([JSONValue.Member(key: Array("role".utf8), value: .text("a|><|b"))])
        let rendered = try Template("<|{{ messages[0].role }}|>").render(
            Conversation(messages: [message]).variables, clock: TemplateFixtures.clock)
        #expect(rendered.conversationRanges == [2..<8])
    }

    @Test func conversationsArePreparedAsTheReferenceDoes() throws {
        func member(_ name: String, _ value: JSONValue) -> JSONValue.Member {
            JSONValue.Member(key: Array(name.utf8), value: value)
        }
        let message = JSONValue.object([
            member("content", .null), member("role", .text("assistant")), member("reasoning", .text("why")),
        ])
        let source = "{{ messages[0] }}{{ tools is none }}{{ documents is none }}{{ add_generation_prompt }}"
        let text = try Template(source).render(
            Conversation(messages: [message], addsGenerationPrompt: false).variables, clock: TemplateFixtures.clock
        ).text
        #expect(
            text
                == "{'thinking': 'why', 'role': 'assistant', 'reasoning': 'why', 'reasoning_content': 'why'}TrueTrueFalse"
        )
    }

    @Test func theClockOfTheMachineIsUsable() throws {
        let text = try Template("{{ strftime_now('%Y-%m-%d') }}").render([:], clock: .now()).text
        #expect(text.count == 10 && text >= "2024-01-01")
        let first = TemplateClock(year: 2024, month: 2, day: 29)
        #expect(first.weekday == 4 && first.dayOfYear == 60)
        #expect(TemplateClock(year: 2000, month: 1, day: 1).weekday == 6)
    }
}
