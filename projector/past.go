package projector

import (
	"fmt"
	"slices"
	"time"

	"github.com/clerkstream/clerkstream/projections"
)

// History is an entity at one moment of its past.
type History struct {
	Entity string `json:"entity"`
	At     Point  `json:"at"`
	// Events are those that were considered, in the order of their versions.
	Events []PastEvent `json:"events"`
	// ReadModels are those that these events concern.
	ReadModels []PastState `json:"read_models"`
}

// PastEvent is an event that was considered.
type PastEvent struct {
	Sequence uint64 `json:"sequence"`
	ID       string `json:"id"`
	Type     string `json:"type"`
	// Source is the time that it tells of: its source time, or when the entity was deleted. Zero when its version cannot be read.
	Source   time.Time `json:"source_time,omitzero"`
	Received time.Time `json:"received,omitzero"`
	// Won names the read models whose row it made.
	Won []string `json:"won,omitempty"`
	// Aside says why it could not compete, in all read models or in the one that is named.
	Aside []string `json:"aside,omitempty"`
}

// Presence says whether a row was there.
type Presence string

// The presences. A deleted row is a tombstone, which keeps no value.
const (
	Absent  Presence = "not there"
	Present Presence = "there"
	Deleted Presence = "deleted"
)

// PastState is an entity in one read model.
type PastState struct {
	ReadModel string   `json:"read_model"`
	Presence  Presence `json:"presence"`
	// SetBy is the sequence of the event that made the row what it is; 0 when it is not there.
	SetBy uint64 `json:"set_by,omitempty"`
	// Columns are in the read model's order, each child table as one list behind them; none for a tombstone, and for a projection that is no
	// projections.Describer.
	Columns []PastColumn `json:"columns,omitempty"`
	// Entries are the rows of a log, one for each event, in the stream's order. A log has no Columns.
	Entries [][]PastColumn `json:"entries,omitempty"`
}

// PastColumn is a column's value and the sequence of the event that set it: the earliest since which the value has been this one.
type PastColumn struct {
	Column string            `json:"column"`
	Value  projections.Value `json:"value"`
	SetBy  uint64            `json:"set_by"`
}

func newPastEvent(m *message) PastEvent {
	e := PastEvent{Sequence: m.sequence, ID: m.event.ID, Type: m.event.Type, Received: m.event.Received}
	if v, err := m.event.Version.Parse(); err == nil {
		e.Source = time.UnixMilli(toldOf(v)).UTC()
	}
	if r := m.rejected[everywhere]; r.reason != "" {
		e.Aside = append(e.Aside, string(r.reason))
	}
	return e
}

// pastRow is one event as a row.
type pastRow struct {
	event  int // in the history's events
	row    projections.Row
	values []projections.Value
}

// tell adds what one projection makes of the past, which is sorted by version.
func (h *History) tell(s *session, p int, past []*message, refused map[letterKey]string) {
	projection := s.config.Projections[p]
	var rows []pastRow
	for i, m := range past {
		if m.rejected[everywhere].reason != "" || !projection.Wants(m.event.Object, m.event.Verb) {
			continue
		}
		aside := func(why string) { h.Events[i].Aside = append(h.Events[i].Aside, projection.Name()+": "+why) }
		if n := len(rows); n > 0 && rows[n-1].row.Version == m.event.Version {
			aside(fmt.Sprintf("the same as message %d", h.Events[rows[n-1].event].Sequence))
			continue
		}
		if why, is := refused[letterKey{projection.Name(), m.sequence}]; is {
			aside(why)
			continue
		}
		row, err := decodeOne(projection, m)
		if err != nil {
			aside(string(reasonDecode))
			continue
		}
		row.Sequence = m.sequence
		one := pastRow{event: i, row: row}
		if d, ok := projection.(projections.Describer); ok {
			one.values = d.Describe(row)
		}
		rows = append(rows, one)
	}
	if projection.Kind() == projections.KindLog {
		h.ReadModels = append(h.ReadModels, h.entries(projection.Name(), rows))
		return
	}
	h.ReadModels = append(h.ReadModels, h.state(projection.Name(), rows))
}

func (h *History) state(readModel string, rows []pastRow) PastState {
	state := PastState{ReadModel: readModel, Presence: Absent}
	if len(rows) == 0 {
		return state
	}
	last := rows[len(rows)-1]
	won := &h.Events[last.event]
	won.Won = append(won.Won, readModel)
	state.SetBy = won.Sequence
	if last.row.Version.Deleted() {
		state.Presence = Deleted
		return state
	}
	state.Presence = Present
	for i, v := range last.values {
		setBy := last.row.Sequence
		// What was before a tombstone is another life, which a restore does not go on with.
		for n := len(rows) - 2; n >= 0 && !rows[n].row.Version.Deleted() && rows[n].values[i] == v; n-- {
			setBy = rows[n].row.Sequence
		}
		state.Columns = append(state.Columns, PastColumn{v.Column, v, setBy})
	}
	return state
}

func (h *History) entries(readModel string, rows []pastRow) PastState {
	state := PastState{ReadModel: readModel, Presence: Absent}
	for _, one := range slices.SortedFunc(slices.Values(rows), func(a, b pastRow) int { return int(a.row.Sequence) - int(b.row.Sequence) }) {
		h.Events[one.event].Won = append(h.Events[one.event].Won, readModel)
		state.Presence, state.SetBy = Present, one.row.Sequence
		var entry []PastColumn
		for _, v := range one.values {
			entry = append(entry, PastColumn{v.Column, v, one.row.Sequence})
		}
		state.Entries = append(state.Entries, entry)
	}
	return state
}

// PastChange is a column that differs between two moments. Of a row that was not there, or was a tombstone, at one of them, every value is null.
type PastChange struct {
	ReadModel string     `json:"read_model"`
	Column    string     `json:"column"`
	From      PastColumn `json:"from"`
	To        PastColumn `json:"to"`
}

// presenceColumn stands for the row itself among the columns of a PastChange.
const presenceColumn = "(row)"

// Changes lists what differs between h and a later, or earlier, moment of the same entity.
func (h *History) Changes(other History) (list []PastChange) {
	for i, from := range h.ReadModels {
		to := other.ReadModels[i]
		before, after := from.byColumn(), to.byColumn()
		for _, column := range columnsOf(from, to) {
			a, b := before(column), after(column)
			if a.Value.Text != b.Value.Text || a.Value.Null != b.Value.Null {
				list = append(list, PastChange{from.ReadModel, column, a, b})
			}
		}
	}
	return list
}

// columnsOf lists the columns of either; a log's entries count as one.
func columnsOf(from, to PastState) []string {
	columns := []string{presenceColumn}
	longer := from.Columns
	if len(to.Columns) > len(longer) {
		longer = to.Columns
	}
	for _, c := range longer {
		columns = append(columns, c.Column)
	}
	return columns
}

func (s *PastState) byColumn() func(string) PastColumn {
	presence := string(s.Presence)
	if len(s.Entries) > 0 {
		presence = fmt.Sprintf("%d entries", len(s.Entries))
	}
	known := map[string]PastColumn{
		presenceColumn: {presenceColumn, projections.Value{Column: presenceColumn, Text: presence}, s.SetBy},
	}
	for _, c := range s.Columns {
		known[c.Column] = c
	}
	return func(name string) PastColumn {
		if c, ok := known[name]; ok {
			return c
		}
		return PastColumn{name, projections.Value{Column: name, Null: true}, s.SetBy}
	}
}
