// Filters that apply a test or another filter to each element.

enum SelectionFilters {
    static let all: [String: Filters.Apply] = [
        "map": map, "select": selection("select", keeps: true, byAttribute: false),
        "reject": selection("reject", keeps: false, byAttribute: false),
        "selectattr": selection("selectattr", keeps: true, byAttribute: true),
        "rejectattr": selection("rejectattr", keeps: false, byAttribute: true),
    ]

    private static let map: Filters.Apply = { run, value, arguments throws(Problem) in
        guard value.isTrue else { return .iterator(try ValueIterator([], run.meter)) }
        var mapped: [Value] = []
        if arguments.positional.isEmpty, arguments.keyword("attribute") != nil {
            let values = try arguments.bound("map", ["attribute", "default"])
            let path = try AttributePath(values[0], standard: values[1], run.meter)
            for element in try value.elements(run.meter) { mapped.append(try path.value(of: element, run.meter)) }
        } else {
            guard let name = arguments.positional.first else { throw .failure("map needs a filter or an attribute") }
            let filter = try name.string("map").string
            try run.meter.enter()
            defer { run.meter.leave() }
            for element in try value.elements(run.meter) {
                mapped.append(try run.filter(element, filter, arguments.dropping(1)))
            }
        }
        return .iterator(try ValueIterator(mapped, run.meter))
    }

    private static func selection(_ filter: String, keeps: Bool, byAttribute: Bool) -> Filters.Apply {
        { run, value, arguments throws(Problem) in
            guard value.isTrue else { return .iterator(try ValueIterator([], run.meter)) }
            if byAttribute, arguments.positional.isEmpty { throw .failure("\(filter) needs the name of an attribute") }
            let path = try AttributePath(byAttribute ? arguments.positional.first : nil, run.meter)
            let offset = byAttribute ? 1 : 0
            let hasTest = arguments.positional.count > offset
            let test = hasTest ? try arguments.positional[offset].string(filter).string : ""
            var kept: [Value] = []
            try run.meter.enter()
            defer { run.meter.leave() }
            for element in try value.elements(run.meter) {
                let candidate = try path.value(of: element, run.meter)
                let passes =
                    hasTest ? try run.test(candidate, test, arguments.dropping(offset + 1)) : candidate.isTrue
                if passes == keeps { kept.append(element) }
            }
            return .iterator(try ValueIterator(kept, run.meter))
        }
    }
}
