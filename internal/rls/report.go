package rls

// Code names a kind of finding. Scripts may rely on it.
type Code string

// What Test finds.
const (
	// Seen and done by trying.
	ForeignRowsSeen    Code = "foreign_rows_seen"    // somebody sees what is not his
	ForeignRowsWritten Code = "foreign_rows_written" // somebody changes what is not his, or puts a row under another's name
	NobodySeesRows     Code = "nobody_sees_rows"     // without identity there are rows to see or to write
	OwnRowsUnseen      Code = "own_rows_unseen"      // a policy that is never true, or goes by the wrong column
	OwnRowsRefused     Code = "own_rows_refused"     // the verb is granted, and the own row is refused
	TableReachable     Code = "table_reachable"      // a tenant reaches the table of a read model past its view
	ReadModelClosed    Code = "read_model_closed"    // the projector or a reader cannot do its work
	SettingError       Code = "setting_error"        // a missing identity is an error in the place of no rows
	ConflictTells      Code = "conflict_tells"       // a unique key tells whether another has the value
	CouldNotPlant      Code = "could_not_plant"      // no rows to try with
	CouldNotTry        Code = "could_not_try"        // a statement ran into a timeout or an error of its own

	// Read in the catalogue.
	RLSOff            Code = "rls_off"
	NotForced         Code = "not_forced"
	NoPolicy          Code = "no_policy"
	PolicyReadsModel  Code = "policy_reads_read_model"
	GrantToPublic     Code = "grant_to_public"
	GrantTooWide      Code = "grant_too_wide" // truncate, references, trigger
	ViewNotInvoker    Code = "view_not_security_invoker"
	MaterializedCopy  Code = "materialized_copy"
	PartitionOpen     Code = "partition_open"
	FunctionDefiner   Code = "security_definer"
	LoginAbove        Code = "login_above_policies" // superuser, BYPASSRLS, CREATEROLE
	LoginOwner        Code = "login_owns_table"
	LoginOfTwoRoles   Code = "login_of_two_roles"
	NoLogin           Code = "no_login"
	UnprotectedTable  Code = "unprotected_table"
	UnprotectedRemote Code = "unprotected_unreached"
)

// Finding is one thing that is wrong, what was done to find it, and what mends it.
type Finding struct {
	Code Code `json:"code"`
	// Advice is worth knowing and no breach: it does not fail the test.
	Advice bool `json:"advice,omitempty"`
	// On is what it was found on: a table, a view, a login.
	On       string `json:"on"`
	Tried    string `json:"tried"`
	CameBack string `json:"came_back"`
	// Because is the policies that were asked, where that explains it.
	Because []string `json:"because,omitempty"`
	Mend    string   `json:"mend"`
	// Times is how many tries came to the same end; the first is the one told of.
	Times int `json:"times"`
}

// TableReport is what was done with one table.
type TableReport struct {
	Table string `json:"table"`
	// ReadModel is its service and generation, empty for a service's own table.
	ReadModel string `json:"read_model,omitempty"`
	// Owner is the sentence about whom its rows belong to.
	Owner   string `json:"owner"`
	Planted int    `json:"planted"`
	Tries   int    `json:"tries"`

	// relation is the table behind a read model's view, on which the findings are.
	relation string
}

// Report is the outcome of Test.
type Report struct {
	Database string        `json:"database"`
	Login    string        `json:"login"` // as whom the rows were planted
	Tables   []TableReport `json:"tables"`
	Findings []Finding     `json:"findings"`
}

// Wrong counts the findings that are more than advice.
func (r *Report) Wrong() (n int) {
	for _, f := range r.Findings {
		if !f.Advice {
			n++
		}
	}
	return n
}

// add keeps the first of several findings of one kind on one thing.
func (r *Report) add(f Finding) {
	f.Times = 1
	for i := range r.Findings {
		if have := &r.Findings[i]; have.Code == f.Code && have.On == f.On && have.Advice == f.Advice {
			have.Times++
			return
		}
	}
	r.Findings = append(r.Findings, f)
}

// on tells whether there is a finding of a kind on something.
func (r *Report) on(code Code, what string) bool {
	for _, f := range r.Findings {
		if f.Code == code && f.On == what {
			return true
		}
	}
	return false
}
