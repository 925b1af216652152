package projections

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/events"
)

// State is the projection that keeps the winning state of each entity of one object: one row per entity, with the version that made it. A
// delete leaves a tombstone, which keeps id and version and nothing else, so that no late event revives the entity.
//
// Beside the listed columns its table has id, version and deleted, and hashes of what is written only when it changed: children_hash of the
// children, documents_hash of the JSON columns. A change of a user touches neither as a rule, and parsing JSON is most of what a row costs Postgres.
type State[T any] struct {
	// Model names the read model, Object the entities whose events own its rows.
	Model, Object string
	Columns       []Column[T]
	// Private are columns that a service gets only when it asks for them: see WithPrivateMetadata.
	Private []Column[T]
	// Children are further tables whose rows the same entity owns.
	Children []Child[T]
	// Indexes are what stands behind "create index on <table>".
	Indexes []string
	// Hide are conditions on a row t that hide it from the view, beside its own deletion.
	Hide []string
	// Tenant is the condition under which a tenant sees a row; empty is never.
	Tenant string
	// Needs names the read models that Hide and Tenant refer to.
	Needs []string
	// Related, where there is one, tells what a change of the row matters to: see Row. It is asked of deletes too, whose rows tell nothing any more, and
	// whose payload may then be anything down to an id.
	Related func(*T) []string
	// Revision: see Definition.
	Revision int
}

// Child is a table of rows that belong to an entity and are replaced with it. It is written only when its rows changed.
type Child[T any] struct {
	Name string
	// Owner is the column with the entity's id, Columns are the others, those of the key first. The key is Owner and those.
	Owner   string
	Columns []ChildColumn
	// Rows adds the entity's rows in any order; of rows with the same key the greatest counts: true beats false.
	Rows    func(*T, *ChildRows)
	Indexes []string
	Hide    []string
	Tenant  string
}

// ChildColumn is one column of a child table.
type ChildColumn struct {
	Name string
	Type ColumnType
	// Key says that the column is part of the key.
	Key bool
}

// Name implements Projection.
func (s *State[T]) Name() string { return s.Model }

// Kind implements Projection.
func (s *State[T]) Kind() Kind { return KindState }

func (s *State[T]) withPrivate() Projection {
	with := *s
	with.Columns = slices.Concat(s.Columns, s.Private)
	return &with
}

// Wants implements Projection: the events of its object that carry the entity's whole state.
func (s *State[T]) Wants(object, verb string) bool {
	return object == s.Object && events.CarriesState(object, verb)
}

// Decode implements Projection.
func (s *State[T]) Decode(e *events.Event) (Row, error) {
	row := Row{Key: e.EntityID, Version: e.Version, Afresh: e.Source != events.SourceWebhook && e.Source != ""}
	var (
		payload T
		c       cleaner
		err     error
	)
	deleted := e.Version.Deleted()
	if !deleted || s.Related != nil {
		// A delete needs nothing but its id, so none fails for what else it says.
		if payload, err = events.Payload[T](e); err != nil && !deleted {
			return row, err
		}
	}
	if s.Related != nil && err == nil {
		row.Related = s.related(&payload)
	}
	if len(s.Children) > 0 {
		row.children = make([][]byte, len(s.Children))
		if !deleted {
			s.decodeChildren(&row, &payload, &c)
		}
	}
	var documents []byte
	if !deleted && s.hasDocuments() {
		documents = make([]byte, 0, len(e.Body))
		for i := range s.Columns {
			if s.Columns[i].Type == TypeJSON {
				documents = s.Columns[i].encode(documents, &c, &payload)
			}
		}
		row.documents, row.documentsHash = documents, hashOf(documents)
	}
	b := make([]byte, 0, 512)
	b = appendText(b, e.EntityID)
	b = appendText(b, string(e.Version))
	b = appendBool(b, deleted)
	if len(s.Children) > 0 {
		b = appendHash(b, row.childrenHash)
	}
	if s.hasDocuments() {
		b = appendHash(b, row.documentsHash)
	}
	for i := range s.Columns {
		switch {
		case s.Columns[i].Type == TypeJSON:
		case deleted:
			b = appendNull(b)
		default:
			b = s.Columns[i].encode(b, &c, &payload)
		}
	}
	row.fields, row.Sanitised = b, c.replaced
	return row, nil
}

// related is all that Related names, or nothing: half of it names something else.
func (s *State[T]) related(payload *T) []string {
	related := s.Related(payload)
	if slices.Contains(related, "") {
		return nil
	}
	return related
}

func (s *State[T]) hasDocuments() bool {
	return slices.ContainsFunc(s.Columns, func(c Column[T]) bool { return c.Type == TypeJSON })
}

func (s *State[T]) decodeChildren(row *Row, payload *T, c *cleaner) {
	for i, child := range s.Children {
		rows := ChildRows{owner: row.Key, columns: child.Columns, clean: c}
		child.Rows(payload, &rows)
		row.children[i] = rows.sorted()
	}
	row.childrenHash = hashOf(row.children...)
}

// Definition implements Projection.
func (s *State[T]) Definition() Definition {
	columns := []string{
		`id text primary key`,
		`version text collate "C" not null`,
		`deleted boolean not null`,
	}
	if len(s.Children) > 0 {
		columns = append(columns, `children_hash bytea`)
	}
	if s.hasDocuments() {
		columns = append(columns, `documents_hash bytea`)
	}
	visible := []string{"id"}
	for _, c := range s.Columns {
		columns = append(columns, quote(c.Name)+" "+c.Type.String())
		visible = append(visible, c.Name)
	}
	tenant := s.Tenant
	if tenant != "" {
		tenant = "deleted or (" + tenant + ")"
	}
	d := Definition{
		Tables: []Table{{
			Name: s.Model, Columns: strings.Join(columns, ",\n"),
			// Room on the page lets an update stay there (HOT): no index has to learn of it.
			With:    " with (fillfactor = 80)",
			Indexes: append([]string{`(id) where deleted`}, s.Indexes...), Tenant: tenant,
		}},
		Views:    []View{{Name: s.Model, Columns: visible, From: s.Model, Hide: append([]string{"t.deleted"}, s.Hide...)}},
		Needs:    s.Needs,
		Revision: s.Revision,
	}
	for _, c := range s.Children {
		t, v := c.definition()
		d.Tables, d.Views = append(d.Tables, t), append(d.Views, v)
	}
	return d
}

// Write implements Projection. It looks first what is there, so that only what changed travels to Postgres. Nobody else writes meanwhile: the
// transaction holds the checkpoint. The upsert compares versions all the same, and a row it does not take is an error.
func (s *State[T]) Write(ctx context.Context, tx pgx.Tx, tables string, rows []Row) (Outcome, error) {
	// One order for all writers, so that two of them cannot wait for each other's rows.
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b Row) int { return strings.Compare(a.Key, b.Key) })
	in := s.input(tables)
	before, err := in.look(ctx, tx, rows)
	if err != nil {
		return Outcome{}, err
	}
	newer, o := sift(rows, before)
	none := bytes.Repeat(appendNull(nil), len(in.documents))
	for _, afresh := range []bool{false, true} {
		in.rows = in.rows[:0]
		for i := range newer {
			if newer[i].Afresh != afresh {
				continue
			}
			row := encoded{newer[i].fields, newer[i].documents}
			if newer[i].documents == nil || !afresh && bytes.Equal(before[newer[i].Key].documents, newer[i].documentsHash) {
				row[1] = none
			}
			in.rows = append(in.rows, row)
		}
		if err := in.upsert(ctx, tx, afresh); err != nil {
			return Outcome{}, err
		}
	}
	for i, child := range s.Children {
		if err := child.write(ctx, tx, tables, i, newer, before); err != nil {
			return Outcome{}, err
		}
	}
	return o, nil
}

// Load implements Loader.
func (s *State[T]) Load(ctx context.Context, tx pgx.Tx, tables string, rows []Row) error {
	in := s.input(tables)
	none := bytes.Repeat(appendNull(nil), len(in.documents))
	for i := range rows {
		row := encoded{rows[i].fields, rows[i].documents}
		if row[1] == nil {
			row[1] = none
		}
		in.rows = append(in.rows, row)
	}
	if err := in.load(ctx, tx); err != nil {
		return err
	}
	for i := range s.Children {
		children := s.Children[i].input(tables)
		for n := range rows {
			children.rows = unpack(rows[n].children[i], children.rows)
		}
		if err := children.load(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// sift keeps the rows that are newer than what is there.
func sift(rows []Row, before map[string]stored) (newer []Row, o Outcome) {
	newer = rows[:0]
	for i := range rows {
		switch old := before[rows[i].Key]; {
		case old.version == rows[i].Version:
			o.Duplicates++
		case old.version > rows[i].Version:
			o.Stale++
		default:
			newer = append(newer, rows[i])
			o.Applied = append(o.Applied, rows[i].Key)
		}
	}
	return newer, o
}

// input lists the columns in the order in which Decode encodes them: the documents are last.
func (s *State[T]) input(tables string) *input {
	in := &input{tables: tables, table: s.Model}
	in.add("id", TypeText)
	in.add("version", TypeText)
	in.add("deleted", TypeBool)
	in.children = len(s.Children) > 0
	if in.children {
		in.add("children_hash", typeHash)
	}
	if s.hasDocuments() {
		in.add("documents_hash", typeHash)
	}
	for _, c := range s.Columns {
		if c.Type == TypeJSON {
			in.documents = append(in.documents, c.Name)
			continue
		}
		in.add(c.Name, c.Type)
	}
	for _, name := range in.documents {
		in.add(name, TypeJSON)
	}
	return in
}
