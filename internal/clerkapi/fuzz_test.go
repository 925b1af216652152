package clerkapi

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

// What comes from outside never panics, and what is taken from it is a part of it, valid and with an id that can stand in a path and a subject.
func FuzzAnswer(f *testing.F) {
	for _, text := range []string{
		`[{"id":"user_1","created_at":1}]`, `{"data":[{"id":"org_1"},7,null,{"id":"a b"}],"total_count":2}`, ` [ ]`, `{"data":null}`, `{"data":[],"total_count":-1}`,
		`[{"id":"a","id":"b"}]`, `[{"id":"\u0061"}]`, `{"errors":[{"code":"x y"}],"clerk_trace_id":"t"}`, `[[]]`, `"`, ``, `{"data":[{"id":"x","created_at":1e99}]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		code, trace := parseRefusal(text)
		if code != "" && !isID(code) || trace != "" && !isID(trace) {
			t.Errorf("code %q trace %q", code, trace)
		}
		if !json.Valid(text) { // readAnswer lets nothing else through
			return
		}
		page, err := decodePage(answered{text, time.Time{}})
		if err != nil {
			return
		}
		for _, o := range page.Objects {
			if !isID(o.ID) || !json.Valid(o.Data) || !bytes.Contains(text, o.Data) {
				t.Errorf("%q %q", o.ID, o.Data)
			}
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, header := range []string{"", "0", "7", "99999999999999999999", "-1", "1.5", "Wed, 21 Oct 2099 07:28:00 GMT", "soon"} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if wait := retryAfter(header, time.Unix(1_700_000_000, 0)); wait < 0 || wait > longestPause {
			t.Error(wait)
		}
	})
}

func FuzzPosition(f *testing.F) {
	for _, text := range []string{"", `{"o":490,"s":[{"i":"user_1","k":1}]}`, `{"o":-1}`, `{"s":[{"i":"a&b"}]}`, "x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := parsePosition(Position(text))
		if err != nil || text == "" {
			return
		}
		if again, err := parsePosition(at.position()); err != nil || again.Offset != at.Offset || len(again.Seen) != len(at.Seen) {
			t.Errorf("%+v %+v %v", at, again, err)
		}
	})
}
