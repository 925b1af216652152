package rls

import "testing"

func TestADatabaseAsItShouldBeIsClean(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	report := test(t, b.conn, Config{Logins: []string{b.login}})
	for _, f := range report.Findings {
		t.Errorf("%+v", f)
	}
	for _, table := range report.Tables {
		if table.Tries < 10 || table.Planted < 1 {
			t.Errorf("%s was hardly tried: %+v", table.Table, table)
		}
	}
	if len(report.Tables) != 15+6 {
		t.Errorf("%d tables were tried", len(report.Tables))
	}
}
