package main

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/clerkstream/clerkstream/events"
)

var (
	timeType = reflect.TypeFor[events.Time]()
	jsonType = reflect.TypeFor[events.JSON]()

	// shared are the payloads that stand inside others too, and have a file of their own anyway.
	shared = map[reflect.Type]string{reflect.TypeFor[events.Permission](): "permission.json"}
)

// payload is the schema of a payload type: exactly what the decoder takes. Of each field null and nothing at all are the same, and so each is nullable
// and none is required.
func payload(t reflect.Type, doc comments) *node {
	w := walk{doc: doc, defs: map[string]*node{}}
	s := w.object(t)
	s.Title, s.Description = t.Name(), doc.of(t, "")
	if len(w.defs) > 0 {
		s.Defs = w.defs
	}
	return s
}

// walk goes through the fields of one payload and notes the structs inside it.
type walk struct {
	doc  comments
	defs map[string]*node
}

func (w *walk) object(t reflect.Type) *node {
	s := &node{Type: []string{"object", "null"}}
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		of := w.value(field.Type)
		of.Description = w.doc.of(t, field.Name)
		s.Properties = append(s.Properties, property{name, of})
	}
	return s
}

// value panics on a kind that no payload has yet: whoever adds one decides here what the decoder takes for it.
func (w *walk) value(t reflect.Type) *node {
	switch {
	case t == timeType:
		return &node{Ref: "time.json"}
	case t == jsonType:
		return &node{}
	case isList(t):
		return &node{Type: []string{"array", "null"}, Items: w.value(elementOf(t))}
	}
	switch t.Kind() {
	case reflect.String:
		return &node{Type: []string{"string", "null"}}
	case reflect.Bool:
		return &node{Type: []string{"boolean", "null"}}
	case reflect.Int64:
		return &node{
			Type:    []string{"integer", "null"},
			Minimum: json.Number(strconv.Itoa(math.MinInt64)), Maximum: json.Number(strconv.Itoa(math.MaxInt64)),
		}
	case reflect.Pointer:
		return w.value(t.Elem())
	case reflect.Slice:
		return &node{Type: []string{"array", "null"}, Items: w.value(t.Elem())}
	case reflect.Struct:
		return w.structure(t)
	default:
		panic(fmt.Sprintf("no schema for %v", t))
	}
}

// structure refers to a named struct, and spells an unnamed one out.
func (w *walk) structure(t reflect.Type) *node {
	if t.Name() == "" {
		return w.object(t)
	}
	if file, ok := shared[t]; ok {
		return &node{Ref: file}
	}
	if w.defs[t.Name()] == nil {
		s := w.object(t)
		s.Description = w.doc.of(t, "")
		w.defs[t.Name()] = s
	}
	return &node{Ref: "#/$defs/" + t.Name()}
}

// isList recognises events.List[T], which no type switch can name for all T.
func isList(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.PkgPath() == jsonType.PkgPath() && strings.HasPrefix(t.Name(), "List[")
}

func elementOf(list reflect.Type) reflect.Type {
	items, _ := list.FieldByName("Items")
	return items.Type.Elem()
}
