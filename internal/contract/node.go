package main

import (
	"bytes"
	"encoding/json"
)

// node is one schema, with as much of JSON Schema as the contract needs: keywords that mean the same in draft 2020-12 and in draft 07, which AsyncAPI 3.0 builds on.
// Beside a reference stands nothing that draft 07 would have to read.
type node struct {
	Dialect     string           `json:"$schema,omitempty"`
	Title       string           `json:"title,omitempty"`
	Description string           `json:"description,omitempty"`
	Ref         string           `json:"$ref,omitempty"`
	AllOf       []*node          `json:"allOf,omitempty"`
	Type        []string         `json:"type,omitempty"`
	Const       string           `json:"const,omitempty"`
	Pattern     string           `json:"pattern,omitempty"`
	Minimum     json.Number      `json:"minimum,omitempty"`
	Maximum     json.Number      `json:"maximum,omitempty"`
	Items       *node            `json:"items,omitempty"`
	Properties  properties       `json:"properties,omitempty"`
	Required    []string         `json:"required,omitempty"`
	Defs        map[string]*node `json:"$defs,omitempty"`
}

// properties keep the order of the struct's fields, which is made for reading.
type properties []property

type property struct {
	name string
	of   *node
}

// MarshalJSON implements the encoder's interface.
func (p properties) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	out.WriteByte('{')
	for i, member := range p {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := encoder.Encode(member.name); err != nil {
			return nil, err
		}
		out.WriteByte(':')
		if err := encoder.Encode(member.of); err != nil {
			return nil, err
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}
