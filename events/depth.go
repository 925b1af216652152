package events

import "bytes"

// maxDepth is how deep a text may nest, the limit of encoding/json. Every reader here recurses, and no stack is endless.
const maxDepth = 10_000

// tooDeep reports whether text nests deeper than maxDepth. Only a text with more brackets than that is walked.
func tooDeep(text []byte) bool {
	if len(text) <= maxDepth || bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) <= maxDepth {
		return false
	}
	// Up to the first byte that is no JSON the walk is exact, and no reader comes behind that byte.
	depth, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case b == '"':
			inString = !inString
		case inString:
			if b == '\\' {
				i++ // what is escaped is no end
			}
		case b == '[' || b == '{':
			if depth++; depth > maxDepth {
				return true
			}
		case b == ']' || b == '}':
			depth--
		}
	}
	return false
}
