package main

import (
	"bytes"
	_ "embed" // asyncapi.yaml.tmpl
	"fmt"
	"slices"
	"strings"
	"text/template"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/events"
)

// The document's prose is in the template; whatever the code decides is filled in.
//
//go:embed asyncapi.yaml.tmpl
var asyncapiText string

var asyncapiTemplate = template.Must(template.New("asyncapi.yaml").Option("missingkey=error").Parse(asyncapiText))

// exampleInstance gives the stream a name to show settings of.
const exampleInstance = "prod"

func asyncapi() ([]byte, error) {
	stream, err := broker.StreamConfig(exampleInstance, broker.Settings{})
	if err != nil {
		return nil, fmt.Errorf("read the stream's settings: %w", err)
	}
	var objects, verbs []string
	for _, typ := range events.Types() {
		object, verb, _ := events.SplitType(typ)
		objects, verbs = append(objects, object), append(verbs, verb)
	}
	var out bytes.Buffer
	err = asyncapiTemplate.Execute(&out, map[string]any{
		"Types":       events.Types(),
		"Objects":     strings.Join(distinct(objects), ", "),
		"Verbs":       strings.Join(distinct(verbs), ", "),
		"Stream":      stream,
		"VersionRule": events.VersionRule,
		"TTL":         events.MessageTTL.String(),
		"Sources":     []events.Source{events.SourceWebhook, events.SourceBackfill, events.SourceReconcile, events.SourceHydrate},
		"Reasons": []events.Reason{
			events.ReasonNotJSON, events.ReasonNotObject, events.ReasonNoType, events.ReasonTypeForm, events.ReasonNoID, events.ReasonIDForm,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("fill in the AsyncAPI document: %w", err)
	}
	return out.Bytes(), nil
}

func distinct(words []string) []string {
	slices.Sort(words)
	return slices.Compact(words)
}
