package schema

import "embed"

// Made by internal/contract; its tests hold them to the code, to every sample and to what a simulated Clerk sends.
//
//go:generate go run ../internal/contract ..

// Events holds a JSON Schema (draft 2020-12) of the message body of each event type, events/<type>.json, and, in events/parts, what those
// refer to. They say what the typed events of package events take: members that are not named are allowed, and null is the same as nothing.
//
//go:embed events
var Events embed.FS

// AsyncAPI is an AsyncAPI 3.0 document, in YAML, of the stream: subjects, headers and messages. It refers to the schemas of Events by their path.
//
//go:embed asyncapi.yaml
var AsyncAPI string
