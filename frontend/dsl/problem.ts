/**
 * A mistake in how a program was written that cannot become a node at all. program() gives it the program's name and
 * its code; thrown outside of program() it is a TypeError like any other.
 */
export class DslError extends TypeError {
  override readonly name = 'DslError'
}
