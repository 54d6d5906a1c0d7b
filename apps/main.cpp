// The program's entry: subcommands, and the one place where an error becomes a sentence on stderr
// and an exit code.
int main() { return 0; }
