package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
)

var (
	// words is an array of texts over several lines, single an object of one member.
	words  = regexp.MustCompile(`\[\n\s+"[^"\n]*"(,\n\s+"[^"\n]*")*\n\s+\]`)
	single = regexp.MustCompile(`\{\n\s+("[^\n]*[^{\[,\n])\n\s+\}`)
	breaks = regexp.MustCompile(`\s*\n\s*`)
)

// render writes a schema for people: what is short stands on one line.
func render(s *node) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(s); err != nil {
		return nil, fmt.Errorf("render a schema: %w", err)
	}
	text := words.ReplaceAllFunc(out.Bytes(), func(array []byte) []byte {
		array = breaks.ReplaceAll(array, []byte(" "))
		return slices.Concat([]byte("["), array[2:len(array)-2], []byte("]"))
	})
	return single.ReplaceAll(text, []byte("{ $1 }")), nil
}
