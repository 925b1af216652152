package events_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/events"
)

// fact is what every typed event is.
type fact interface {
	EventType() string
	Fact() *events.Event
}

func TestEveryTypeOfTheCatalogueHasOneStructAndNoneIsExtra(t *testing.T) {
	t.Parallel()
	var want []string
	for object, verbs := range events.Ranks() {
		for verb := range verbs {
			want = append(want, object+"."+verb)
		}
	}
	slices.Sort(want)
	if got := events.Types(); !slices.Equal(got, want) {
		t.Errorf("structs for\n%v\nwant\n%v", got, want)
	}
	structs := map[reflect.Type]string{}
	for _, typ := range events.Types() {
		typed := must(events.Typed(&events.Event{Type: typ, Body: []byte(`{"data":{}}`)}))
		if got := typed.(fact).EventType(); got != typ {
			t.Errorf("%s becomes a struct that calls itself %s", typ, got)
		}
		if other := structs[reflect.TypeOf(typed)]; other != "" {
			t.Errorf("%s and %s share a struct", typ, other)
		}
		structs[reflect.TypeOf(typed)] = typ
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestAStructIsNamedLikeItsType also finds a type whose data was taken from another object.
func TestAStructIsNamedLikeItsType(t *testing.T) {
	t.Parallel()
	for _, typ := range events.Types() {
		object, verb, _ := events.SplitType(typ)
		typed := reflect.TypeOf(must(events.Typed(&events.Event{Type: typ, Body: []byte(`{"data":{}}`)}))).Elem()
		if got, want := strings.ToLower(typed.Name()), strings.ToLower(object+verb); got != want {
			t.Errorf("%s becomes a %s", typ, typed.Name())
		}
		data, _ := typed.FieldByName("Data")
		if got := strings.ToLower(data.Type.Name()); got != strings.ToLower(object) {
			t.Errorf("the data of %s is a %s", typ, data.Type.Name())
		}
	}
}

func TestTypedReadsEverySampleOfTheCatalogue(t *testing.T) {
	t.Parallel()
	read := 0
	for _, name := range sampleNames(t) {
		e := take(t, name)
		typed, err := events.Typed(&e)
		if e.Unrouted != "" || !events.CarriesState(e.Object, e.Verb) {
			if !errors.Is(err, events.ErrUnknownType) {
				t.Errorf("%s: %v, want %v", name, err, events.ErrUnknownType)
			}
			continue
		}
		if err != nil {
			if !errors.As(err, new(*events.PayloadError)) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		read++
		of := typed.(fact)
		if got := of.Fact(); got.ID != e.ID || got.Version != e.Version || got.EntityID != e.EntityID || of.EventType() != e.Type {
			t.Errorf("%s: the typed event states other facts", name)
		}
		if id := reflect.ValueOf(typed).Elem().FieldByName("Data").FieldByName("ID").String(); id != e.EntityID {
			t.Errorf("%s: data has id %q, the event's entity is %q", name, id, e.EntityID)
		}
	}
	if read < 45 {
		t.Errorf("only %d samples were read", read)
	}
}

func TestTypedOnlyShowsTheNewestShape(t *testing.T) {
	t.Parallel()
	e := take(t, "paymentAttempt.created.type-for-charge-type")
	attempt := must(events.Typed(&e)).(*events.PaymentAttemptCreated)
	if attempt.Data.ChargeType == "" {
		t.Error("the older name of the charge type was not lifted")
	}
}
