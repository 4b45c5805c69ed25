/** Entry of the checkpoint page. */
import './styles/checkpoint.css';
import { CheckpointPage } from './views/checkpoint/checkpointPage';

let root = document.getElementById('app');
if (!root) {
  root = document.createElement('div');
  root.id = 'app';
  document.body.append(root);
}
root.replaceChildren();
root.classList.add('checkpoint');
new CheckpointPage(root);
