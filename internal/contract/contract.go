package main

import (
	"fmt"
	"path"
	"reflect"

	"github.com/clerkstream/clerkstream/events"
)

const (
	eventsFolder = "schema/events"
	partsFolder  = eventsFolder + "/parts"
	asyncapiFile = "schema/asyncapi.yaml"

	dialect = "https://json-schema.org/draft/2020-12/schema"
)

// contract is every file of the published contract, by its path below root.
func contract(root string) (map[string][]byte, error) {
	doc, err := readComments(path.Join(root, "events"))
	if err != nil {
		return nil, err
	}
	parts := map[string]*node{"envelope": envelope(), "time": clock()}
	files := map[string][]byte{}
	for _, typ := range events.Types() {
		data, err := dataOf(typ)
		if err != nil {
			return nil, err
		}
		object, _, _ := events.SplitType(typ)
		if parts[object] == nil {
			parts[object] = payload(data, doc)
		}
		if files[eventsFolder+"/"+typ+".json"], err = render(eventSchema(typ, object, doc.of(data, ""))); err != nil {
			return nil, err
		}
	}
	for name, part := range parts {
		part.Dialect = dialect
		if files[partsFolder+"/"+name+".json"], err = render(part); err != nil {
			return nil, err
		}
	}
	files[asyncapiFile], err = asyncapi()
	return files, err
}

// dataOf is the payload type of an event type.
func dataOf(typ string) (reflect.Type, error) {
	typed, err := events.Typed(&events.Event{Type: typ, Body: []byte(`{"data":null}`)})
	if err != nil {
		return nil, fmt.Errorf("find the data of %s: %w", typ, err)
	}
	return reflect.ValueOf(typed).Elem().FieldByName("Data").Type(), nil
}
