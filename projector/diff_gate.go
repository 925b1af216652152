package projector

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Tolerance is how many rows may differ: so many, or this share of the live generation's rows, whichever is more. The zero value allows none.
type Tolerance struct {
	Rows    int64
	Percent float64
}

// ParseTolerance reads "100" as so many rows and "1%" or "0.5%" as a share of the live ones.
func ParseTolerance(s string) (Tolerance, error) {
	if share, ok := strings.CutSuffix(s, "%"); ok {
		percent, err := strconv.ParseFloat(share, 64)
		// Written so that NaN is refused too.
		if err != nil || !(percent >= 0 && percent <= 100) {
			return Tolerance{}, fmt.Errorf("%q is not a share from 0%% to 100%%", s)
		}
		return Tolerance{Percent: percent}, nil
	}
	rows, err := strconv.ParseInt(s, 10, 64)
	if err != nil || rows < 0 {
		return Tolerance{}, fmt.Errorf("%q is neither a number of rows nor a share such as 1%%", s)
	}
	return Tolerance{Rows: rows}, nil
}

func (t Tolerance) String() string {
	if t.Percent > 0 {
		return strconv.FormatFloat(t.Percent, 'f', -1, 64) + "% of the live rows"
	}
	return strconv.FormatInt(t.Rows, 10) + " rows"
}

func (t Tolerance) allows(differing, live int64) bool {
	return differing <= t.Rows || float64(differing) <= t.Percent/100*float64(live)
}

// Expectation names something that may differ, in the words in which a Difference tells it, so that a part of one can be copied.
type Expectation struct {
	Table string     `json:"table"`
	Kind  ChangeKind `json:"kind"`
	// Columns may differ in a changed row; none allows all of them. Of columns that were added, removed or have another type it names those.
	Columns []string `json:"columns,omitempty"`
}

var changeKinds = []ChangeKind{
	ChangeAdded, ChangeRemoved, ChangeChanged, ChangeTableAdded, ChangeTableRemoved, ChangeColumnAdded, ChangeColumnRemoved, ChangeColumnType,
}

// ReadExpectations reads a JSON list of expectations. Unknown fields and kinds are errors: a gate with a spelling mistake would fail for the wrong
// reason, or never.
func ReadExpectations(r io.Reader) ([]Expectation, error) {
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	list := []Expectation{}
	if err := decoder.Decode(&list); err != nil {
		return nil, fmt.Errorf("read expectations: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read expectations: there is something behind the list")
	}
	if list == nil { // null is a list that somebody forgot
		return nil, errors.New("read expectations: no list")
	}
	for i, e := range list {
		if e.Table == "" || !slices.Contains(changeKinds, e.Kind) {
			return nil, fmt.Errorf("read expectations: number %d has no table or none of the kinds %q", i+1, changeKinds)
		}
	}
	return list, nil
}

// judge is the verdict, with every reason at once; nil when there is nothing to judge by.
func (o DiffOptions) judge(d *Difference) *Gate {
	if o.MaxChanged == nil && o.Expect == nil {
		if d.Differing > 0 || slices.ContainsFunc(d.Tables, func(t TableComparison) bool { return t.Apart != nil }) {
			return nil
		}
		return &Gate{Passed: true}
	}
	var reasons []string
	var live int64
	for i := range d.Tables {
		live += d.Tables[i].Live.Rows
		if o.Expect != nil {
			reasons = append(reasons, unexpected(&d.Tables[i], o.Expect)...)
		}
	}
	if o.MaxChanged != nil && !o.MaxChanged.allows(d.Differing, live) {
		reasons = append(reasons, fmt.Sprintf("%d of %d rows differ, more than %s", d.Differing, live, o.MaxChanged))
	}
	return &Gate{len(reasons) == 0, reasons}
}

// unexpected lists what of a table's differences nobody announced. A group of changed rows may be covered by several expectations together.
func unexpected(t *TableComparison, expect []Expectation) (reasons []string) {
	for i := range t.Changes {
		c := &t.Changes[i]
		if !expected(t.Table, c.Kind, c.Columns, expect) {
			reasons = append(reasons, fmt.Sprintf("%s: %d rows %s, which is not expected", t.Table, c.Rows, strings.TrimSpace(string(c.Kind)+" "+inColumns(c.Columns))))
		}
	}
	for _, a := range t.Apart {
		var columns []string
		if a.Column != "" {
			columns = []string{a.Column}
		}
		if !expected(t.Table, a.Kind, columns, expect) {
			reasons = append(reasons, fmt.Sprintf("%s: %s, which is not expected", t.Table, strings.TrimSpace(string(a.Kind)+" "+a.Column)))
		}
	}
	return reasons
}

func inColumns(columns []string) string {
	if len(columns) == 0 {
		return ""
	}
	return "in " + strings.Join(columns, ", ")
}

func expected(table string, kind ChangeKind, columns []string, expect []Expectation) bool {
	announced := false
	var allowed []string
	for _, e := range expect {
		if e.Table != table || e.Kind != kind {
			continue
		}
		if len(e.Columns) == 0 {
			return true
		}
		announced, allowed = true, append(allowed, e.Columns...)
	}
	return announced && !slices.ContainsFunc(columns, func(c string) bool { return !slices.Contains(allowed, c) })
}
