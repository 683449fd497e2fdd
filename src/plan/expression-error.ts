/**
 * Thrown when an expression cannot be evaluated. `missing` names the key that was not there, when that is the reason:
 * as it is reached, for example `rows`, `state.rows`, `items[5]` or `order.customer.name`.
 *
 * It stands apart from the compiler so that whoever only catches it does not load the expression language.
 */
export class ExpressionError extends Error {
  override name = "ExpressionError";
  readonly missing: string | null;
  constructor(message: string, missing: string | null = null) {
    super(message);
    this.missing = missing;
  }
}
